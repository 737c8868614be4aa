/**
 * Lines as OpenSSH has them: `ssh-ed25519 AAAA… comment`.
 *
 * What is kept is what was understood, on one line: a line break in it would be a second key, and options
 * before the type would be orders to the guest's SSH server.
 */
import { createHash } from "node:crypto";
import { problem } from "@holdfast/kernel/problem";

const types: ReadonlySet<string> = new Set([
  "ssh-ed25519",
  "ssh-rsa",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
]);

export interface PublicKey {
  readonly line: string;
  /** `SHA256:…`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/** Rejects with `key_unusable`. */
export function publicKeyOf(text: string): PublicKey {
  const [type = "", blob = "", ...comment] = text.trim().split(/[ \t]+/);
  if (/PRIVATE KEY/.test(text)) throw unusable("is a private key: keep that to yourself");
  if (/[\r\n\0]/.test(text.trim())) throw unusable("must be one line");
  if (!types.has(type)) throw unusable(`must begin with one of: ${[...types].join(", ")}`);
  const bytes = Buffer.from(blob, "base64");
  const [inside, ...parts] = partsOf(bytes) ?? [];
  const isWhole = bytes.toString("base64") === blob && parts.length > 0;
  // Its type is in it once more.
  if (!isWhole || inside?.toString("latin1") !== type) throw unusable("is not a whole key");
  const digest = createHash("sha256").update(bytes).digest("base64").replace(/=+$/, "");
  return { line: [type, blob, ...comment].join(" "), fingerprint: `SHA256:${digest}` };
}

/** RFC 4253 §5: four bytes of length before each part. Undefined: they do not add up. */
function partsOf(bytes: Buffer): readonly Buffer[] | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return undefined;
    parts.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return at === bytes.length ? parts : undefined;
}

const unusable = (reason: string) =>
  problem("invalid", "key_unusable", "This is no public key that SSH could use.", {
    fix: "Give the line that is in ~/.ssh/id_ed25519.pub; ssh-keygen -t ed25519 makes one.",
    faults: [{ field: "body.publicKey", reason }],
  });
