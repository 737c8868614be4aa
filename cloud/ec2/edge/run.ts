/**
 * RunInstances: one native request for all of them, so they are placed as one batch.
 *
 * The native API knows a request that is repeated by its key; the ClientToken is that key, and everything that is made
 * up on the way (the name) is made from it. So a repetition is the same request, and another one with that token is not.
 */

import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { mayUse } from "@holdfast/cloud/images/edge";
import { runInstances } from "@holdfast/cloud/instances/api";
import { refuse, shortened } from "../core/errors.ts";
import { idOf, readId } from "../core/ids.ts";
import { instanceView, reservationOf } from "../core/instance.ts";
import { nativeKeyName } from "../core/names.ts";
import { type WantedRun, wantedRun } from "../core/run.ts";
import type { Reservation } from "../core/words.ts";
import { accountOf, type Call } from "./call.ts";
import { ensureDefaults, findDefaults } from "./defaults.ts";
import { digits, instancesById } from "./instance-rows.ts";
import { shownName } from "./nic-rows.ts";
import { type Note, writeFirstNotes } from "./notes.ts";
import { checkZone, mixed, placeOf, subnetOf, zonesOf } from "./places.ts";
import { tagsFor, wordsOf, writeTags } from "./tags.ts";
import { findType } from "./types.ts";

const defaultType = "m1.small"; // EC2's own.
const few = 16;

export async function run(call: Call<"RunInstances">): Promise<Reservation> {
  const { input, project, database } = call;
  const any = call as unknown as Call; // Of any action: what is asked of it here all of them have.
  const wanted = wantedRun(input, defaultType, decode);
  const tags = tagsFor("instance", input.TagSpecifications, ["volume"]);
  const volumeTags = tagsFor("volume", input.TagSpecifications, ["instance"]);
  const sought = Promise.all([findImage(call, wanted.image), placeOf(call), findDefaults(any)]);
  sought.catch(() => {}); // Heard behind the type: of what is wrong, the same is named each time.
  const type = await findType(any, wanted.type);
  const [image, place, known] = await sought;
  const defaults = await ensureDefaults(any, known);
  const { zone, networks } = await whereOf(call, wanted);
  const key = wanted.key === undefined ? undefined : nativeKeyName(wanted.key, mixed);
  const { ClientToken: token } = input;
  const name = nameFor(call, token);
  const run = mixed(project, name);
  const made = await call.native(runInstances, {
    body: {
      name,
      count: wanted.count,
      type: type.name,
      image,
      ...(zone === undefined ? {} : { zone }),
      ...(wanted.userData === undefined ? {} : { userData: wanted.userData }),
      ...(wanted.rootGiB === undefined ? {} : { diskGiB: wanted.rootGiB }),
      volumes: wanted.disks.map(({ sizeGiB, isGone, encrypted }) => ({
        ...{ sizeGiB, deleteWithInstance: isGone, encrypted },
      })),
      encrypted: wanted.isRootEncrypted,
      isProtected: wanted.isProtected,
      ...wanted.metadata,
      ...(networks === undefined ? {} : { networks }),
      isPublic: wanted.isPublic,
      groups: await groupsOf(call, wanted, defaults.group),
      keys: key === undefined ? [] : [key],
      tags: wordsOf(tags),
    },
    ...(token === undefined ? {} : { idempotencyKey: `ec2:${token}` }),
  });
  const ids = made.instances.map(({ id }) => id);
  const said = {
    ...(token === undefined ? {} : { token }),
    ...(wanted.isMonitored ? { isMonitored: true } : {}),
    ...(wanted.key === undefined || wanted.key === key ? {} : { key: wanted.key }),
  };
  const disks = made.instances.flatMap(({ disks: all }) => all);
  await database.transaction(async (sql) => {
    const noted = writeFirstNotes(sql, project, "run", [
      ...made.instances.map(({ id }, index) => ({
        subject: id,
        note: { ...{ type: wanted.type, run, index }, ...said },
      })),
      ...made.instances.flatMap((one) => diskNotes(one.disks, wanted)),
    ]);
    if (tags.length + volumeTags.length === 0) return sql.last(noted);
    // Of a request that comes again nothing is said anew: its instances may have other tags by now.
    if (!(await noted)) return;
    await writeTags(sql, project, "instance", ids, tags);
    await writeTags(
      sql,
      project,
      "volume",
      disks.map(({ volume }) => volume),
      volumeTags,
    );
  });
  // A crowd would hold up what is found at once.
  const rows = await instancesById(ids.length > few ? database : database.lookUps, project, ids);
  const [first] = rows;
  return {
    Groups: [],
    Instances: rows.map((row) => instanceView(row, place)),
    OwnerId: accountOf(project),
    ReservationId: first ? reservationOf(first) : idOf("reservation", run),
  };
}

/** What the disks of an instance were called when they were asked for, those that were. */
function diskNotes(
  made: readonly { readonly kind: string; readonly volume: string }[],
  { rootType, disks }: WantedRun,
): { readonly subject: string; readonly note: Note }[] {
  const ofKind = (kind: string) => made.filter((one) => one.kind === kind);
  const root = ofKind("root").map(({ volume }) => ({ subject: volume, note: typed(rootType) }));
  const data = ofKind("data").flatMap(({ volume }, index) => {
    const asked = disks[index];
    return asked ? [{ subject: volume, note: { device: asked.device, ...typed(asked.type) } }] : [];
  });
  return rootType === undefined ? data : [...root, ...data];
}

const typed = (type: string | undefined): Note => (type === undefined ? {} : { type });

/** A name that is free, and the same whenever the same token comes. */
function nameFor({ project, mintSecret }: Call<"RunInstances">, token: string | undefined): string {
  const from = token === undefined ? mintSecret() : `${project} ${token}`;
  return `ec2-${createHash("sha256").update(from).digest("hex").slice(0, 16)}`;
}

/** Rejects with `InvalidAMIID.NotFound`. */
export async function findImage(
  { database, project }: Pick<Call, "database" | "project">,
  id: string,
): Promise<string> {
  const [row] = await database.lookUps.query<{ id: string }>(
    `select i.id from image i where ${digits("i.id")} = $2 and ${mayUse("$1")} and i.state <> 'deleted'`,
    [project, readId("image", id)],
  );
  if (row) return row.id;
  throw refuse("InvalidAMIID.NotFound", `The image id '[${shortened(id)}]' does not exist`);
}

/** A subnet is a network in a zone. Undefined: wherever there is room, and the default network. */
async function whereOf(
  { database, project }: Call<"RunInstances">,
  { zone, subnets }: WantedRun,
): Promise<{ readonly zone: string | undefined; readonly networks: string[] | undefined }> {
  const asked = zone === undefined ? undefined : await checkZone(database, zone);
  if (subnets.every((one) => one === undefined))
    return {
      zone: asked,
      networks: subnets.length === 1 ? undefined : subnets.map(() => "default"),
    };
  const zones = await zonesOf(database);
  const networks = await database.query<{ id: string; name: string }>(
    "select id, name from network where project_id = $1 and deleted_at is null",
    [project],
  );
  const found = subnets.map((subnet) => {
    if (subnet === undefined) return { network: "default", zone: asked };
    readId("subnet", subnet);
    for (const { id } of networks)
      for (const one of zones) if (subnetOf(id, one) === subnet) return { network: id, zone: one };
    throw refuse("InvalidSubnetID.NotFound", `The subnet ID '${shortened(subnet)}' does not exist`);
  });
  const [one, another] = [...new Set([asked, ...found.map((each) => each.zone)])].filter(
    (each) => each !== undefined,
  );
  if (another !== undefined)
    throw refuse(
      "InvalidParameterValue",
      `An instance is in one zone, not in ${one} and ${another}`,
    );
  return { zone: one, networks: found.map(({ network }) => network) };
}

/** Without any it is the one called `default`: never none, because then everything could pass. */
async function groupsOf(
  { database, project }: Call<"RunInstances">,
  { groupIds, groupNames }: WantedRun,
  usual: string | undefined,
): Promise<string[]> {
  if (groupIds.length + groupNames.length === 0) return usual === undefined ? [] : [usual];
  const rows = await database.query<{ id: string; name: string }>(
    `select * from (select g.id, ${shownName} as name from security_group g where g.project_id = $1) g
       where ${digits("id")} = any($2) or name = any($3)`,
    [project, groupIds.map((id) => readId("group", id)), groupNames],
  );
  const byId = groupIds.map((id) => rows.find((row) => idOf("group", row.id) === id)?.id ?? id);
  const byName = groupNames.map((name) => rows.find((row) => row.name === name)?.id ?? name);
  const strange = [...byId, ...byName].find((one) => !rows.some(({ id }) => id === one));
  if (strange !== undefined)
    throw refuse(
      "InvalidGroup.NotFound",
      `The security group '${shortened(strange)}' does not exist`,
    );
  return [...new Set([...byId, ...byName])];
}

function decode(text: string): string | undefined {
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  return isUtf8(bytes) && !bytes.includes(0) ? bytes.toString("utf8") : undefined;
}
