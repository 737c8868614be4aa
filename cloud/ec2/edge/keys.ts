/** Key pairs. Of one that is made here the private half is in the answer and nowhere else. */
import { addKey, deleteKey, type KeyView, listKeys } from "@holdfast/cloud/keys/api";
import { everyPage } from "@holdfast/kernel/pages";
import { Problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import { refusalOf, refuse, shortened, unsupported } from "../core/errors.ts";
import { filtering, type Tag } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import { nativeKeyName } from "../core/names.ts";
import type { KeyPairInfo } from "../core/words.ts";
import type { Answers, Call } from "./call.ts";
import { newEd25519Pair, newRsaPair } from "./key-material.ts";
import { writeNotes } from "./notes.ts";
import { mixed } from "./places.ts";
import { tagsFor, writeTags } from "./tags.ts";

export const keyAnswers: Answers = {
  async CreateKeyPair(call) {
    const { KeyName = "", KeyType = "rsa", KeyFormat = "pem", TagSpecifications } = call.input;
    if (KeyFormat !== "pem")
      throw unsupported(`The key format ${shortened(KeyFormat)} is not supported.`);
    if (KeyType !== "rsa" && KeyType !== "ed25519")
      throw refuse("InvalidParameterValue", `Invalid key type: ${shortened(KeyType)}`);
    const tags = tagsFor("key-pair", TagSpecifications);
    const { line, pem } = KeyType === "rsa" ? await newRsaPair() : await newEd25519Pair();
    const key = await add(call, KeyName, line, tags);
    return {
      KeyFingerprint: key.fingerprint,
      KeyMaterial: pem,
      KeyName,
      KeyPairId: idOf("key", key.id),
      Tags: tags,
    };
  },

  async ImportKeyPair(call) {
    const { KeyName = "", PublicKeyMaterial = "", TagSpecifications } = call.input;
    const tags = tagsFor("key-pair", TagSpecifications);
    const key = await add(call, KeyName, lineOf(PublicKeyMaterial), tags);
    return {
      KeyFingerprint: key.fingerprint,
      KeyName,
      KeyPairId: idOf("key", key.id),
      Tags: tags,
    };
  },

  async DescribeKeyPairs(call) {
    const { KeyNames, KeyPairIds, Filters, IncludePublicKey } = call.input;
    const keys = await keysOf(call);
    const rows = await call.database.query<{ resource: string; key: string; value: string }>(
      "select resource, key, value from tag where project_id = $1 and kind = 'key-pair' order by key",
      [call.project],
    );
    const all = keys.map((key) => infoOf(key, rows, IncludePublicKey ?? false));
    for (const name of KeyNames ?? [])
      if (!all.some(({ KeyName }) => KeyName === name)) throw noKey("key pair", name);
    for (const id of KeyPairIds ?? []) {
      readId("key", id);
      if (!all.some(({ KeyPairId }) => KeyPairId === id)) throw noKey("key pair ID", id);
    }
    const passes = filtering<KeyPairInfo>(
      Filters,
      {
        "key-pair-id": ({ KeyPairId }) => KeyPairId,
        fingerprint: ({ KeyFingerprint }) => KeyFingerprint,
        "key-name": ({ KeyName }) => KeyName,
      },
      ({ Tags = [] }) => Tags as readonly Tag[], // Keys and values are there.
    );
    const isNamed = ({ KeyName = "", KeyPairId = "" }: KeyPairInfo) =>
      (!KeyNames && !KeyPairIds) || KeyNames?.includes(KeyName) || KeyPairIds?.includes(KeyPairId);
    return { KeyPairs: all.filter((one) => isNamed(one) && passes(one)) };
  },

  async DeleteKeyPair(call) {
    const { KeyName, KeyPairId } = call.input;
    if (KeyName === undefined && KeyPairId === undefined)
      throw refuse(
        "MissingParameter",
        "The request must contain the parameter KeyName or KeyPairId",
      );
    const keys = await keysOf(call);
    if (KeyPairId !== undefined) readId("key", KeyPairId);
    // One whose maker was killed before it was noted is called as it is natively.
    const native = KeyName === undefined ? undefined : nativeKeyName(KeyName, mixed);
    const key = keys.find(
      ({ id, name }) => idOf("key", id) === KeyPairId || name === KeyName || name === native,
    );
    if (!key) return {}; // EC2 says the same of one that is there and of one that is not.
    await call.native(deleteKey, { params: { key: key.id } });
    return {};
  },
};

/** By the names that EC2's clients have given them. */
async function keysOf(call: Call): Promise<readonly KeyView[]> {
  const keys = await everyPage(
    (after) => call.native(listKeys, { query: { after } }),
    (page) => page.keys,
  );
  const rows = await call.database.query<{ subject: string; display: string }>(
    `select subject, detail ->> 'display' as display from ec2_note
     where project_id = $1 and subject = any($2::uuid[]) and detail ? 'display'`,
    [call.project, keys.map(({ id }) => id)],
  );
  const displays = new Map(rows.map(({ subject, display }) => [subject, display]));
  return keys.map((key) => ({ ...key, name: displays.get(key.id) ?? key.name }));
}

const noKey = (what: string, name: string) =>
  refuse("InvalidKeyPair.NotFound", `The ${what} '${shortened(name)}' does not exist`);

async function add(
  call: Call,
  name: string,
  publicKey: string,
  tags: readonly Tag[],
): Promise<KeyView> {
  if (!/^[!-~](?:[ -~]{0,253}[!-~])?$/.test(name))
    throw refuse(
      "InvalidParameterValue",
      `Value (${shortened(name)}) for parameter KeyName is invalid. It has up to 255 ASCII characters and no space around it.`,
    );
  const { database, project } = call;
  const native = nativeKeyName(name, mixed);
  const key = await unlessLeft(call, native, name, publicKey);
  await database.transaction(async (sql) => {
    if (native !== name)
      await writeNotes(sql, project, [{ subject: key.id, note: { display: name } }]);
    await writeTags(sql, project, "key-pair", [key.id], tags);
  });
  return key;
}

/** A new one; or the same that was made before, by somebody who was killed before it was noted how it is called. */
async function unlessLeft(
  call: Call,
  native: string,
  name: string,
  publicKey: string,
): Promise<KeyView> {
  try {
    return await call.native(addKey, { body: { name: native, publicKey } });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.code !== "name_taken") throw refusalOf(error);
    const isLeft = (key: KeyView) =>
      native !== name && key.name === native && partOf(key.publicKey) === partOf(publicKey);
    const left = (await keysOf(call)).find(isLeft);
    if (left) return left;
    throw refuse("InvalidKeyPair.Duplicate", `The keypair '${shortened(name)}' already exists.`);
  }
}

/** Without the comment behind it. */
const partOf = (line: string) => line.trim().split(/\s+/).slice(0, 2).join(" ");

/** As OpenSSH writes it, encoded as base64; some programs send it as it is. */
function lineOf(material: string): string {
  if (/^(ssh|ecdsa|sk)-/.test(material)) return material;
  return Buffer.from(material, "base64").toString("latin1").trim();
}

function infoOf(
  key: KeyView,
  tags: readonly { readonly resource: string; readonly key: string; readonly value: string }[],
  withKey: boolean,
): KeyPairInfo {
  return {
    KeyPairId: idOf("key", key.id),
    KeyFingerprint: key.fingerprint,
    KeyName: key.name,
    KeyType: key.publicKey.startsWith("ssh-ed25519") ? "ed25519" : "rsa",
    Tags: tags
      .filter(({ resource }) => resource === key.id)
      .map((tag) => ({ Key: tag.key, Value: tag.value })),
    ...(withKey ? { PublicKey: key.publicKey } : {}),
    CreateTime: key.createdAt as Instant, // A view's times are numbers.
  };
}
