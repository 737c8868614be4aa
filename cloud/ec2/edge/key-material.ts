/**
 * New pairs of keys. The private half is given to whoever asked for it, once, and kept nowhere.
 *
 * Ed25519 has no PEM that older programs of OpenSSH read, so it is written in OpenSSH's own form.
 */
import { generateKeyPair, type KeyObject, randomBytes } from "node:crypto";
import { promisify } from "node:util";

export interface NewPair {
  /** A line of OpenSSH's. */
  readonly line: string;
  readonly pem: string;
}

const generate = promisify(generateKeyPair);

export async function newRsaPair(): Promise<NewPair> {
  const { publicKey, privateKey } = await generate("rsa", { modulusLength: 2048 });
  const { n = "", e = "" } = publicKey.export({ format: "jwk" });
  const blob = Buffer.concat([field("ssh-rsa"), number(e), number(n)]);
  return {
    line: `ssh-rsa ${blob.toString("base64")}`,
    pem: privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
  };
}

export async function newEd25519Pair(): Promise<NewPair> {
  const { publicKey, privateKey } = await generate("ed25519", {});
  const open = raw(publicKey, "x");
  const blob = Buffer.concat([field("ssh-ed25519"), field(open)]);
  const check = randomBytes(4);
  const secret = Buffer.concat([
    ...[check, check, field("ssh-ed25519"), field(open)],
    ...[field(Buffer.concat([raw(privateKey, "d"), open])), field("")],
  ]);
  const padding = Buffer.from(
    Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, at) => at + 1),
  );
  const whole = Buffer.concat([
    ...[Buffer.from("openssh-key-v1\0"), field("none"), field("none"), field("")],
    ...[uint32(1), field(blob), field(Buffer.concat([secret, padding]))],
  ]);
  const lines = whole.toString("base64").match(/.{1,70}/g) ?? [];
  const name = "OPENSSH PRIVATE KEY";
  return {
    line: `ssh-ed25519 ${blob.toString("base64")}`,
    pem: `-----BEGIN ${name}-----\n${lines.join("\n")}\n-----END ${name}-----\n`,
  };
}

const raw = (key: KeyObject, part: "x" | "d") =>
  Buffer.from(key.export({ format: "jwk" })[part] ?? "", "base64url");

/** With its length before it. */
function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** Never negative: a first bit that is set needs a zero before it. */
function number(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, "base64url");
  return field((bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
