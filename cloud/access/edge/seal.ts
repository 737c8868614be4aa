/**
 * Secrets that must be read again, sealed with the platform's key: AES-256-GCM, bound to what each is for.
 *
 * What is a secret's own is authenticated with it (`about`), so a sealed secret that is moved to another row does
 * not open there. The key is in a file beside the managers and never in the database: whoever has only one of the
 * two has nothing.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { problem } from "@holdfast/kernel/problem";
import type { Sql } from "@holdfast/store/database";

export interface Seal {
  close(secret: string, about: string): Buffer;
  /** Rejects what was sealed with another key, or for something else. */
  open(sealed: Buffer, about: string): string;
}

const algorithm = "aes-256-gcm";
const form = 1;
const [ivBytes, tagBytes] = [12, 16];

export function sealWith(key: Uint8Array): Seal {
  if (key.length !== 32) throw new Error("a platform key has 32 bytes");
  return {
    close(secret, about) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv(algorithm, key, iv).setAAD(Buffer.from(about));
      const text = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
      return Buffer.concat([Buffer.of(form), iv, cipher.getAuthTag(), text]);
    },
    open(sealed, about) {
      if (sealed[0] !== form)
        throw new Error(`nobody knows how to open a seal of form ${sealed[0]}`);
      const iv = sealed.subarray(1, 1 + ivBytes);
      const tag = sealed.subarray(1 + ivBytes, 1 + ivBytes + tagBytes);
      const decipher = createDecipheriv(algorithm, key, iv, { authTagLength: tagBytes })
        .setAAD(Buffer.from(about))
        .setAuthTag(tag);
      const text = sealed.subarray(1 + ivBytes + tagBytes);
      return Buffer.concat([decipher.update(text), decipher.final()]).toString("utf8");
    },
  };
}

/** The key in this state directory; made if there is none. */
export async function platformKeyIn(state: string): Promise<Uint8Array> {
  const file = join(state, "platform.key");
  const read = () => readFile(file, "utf8").catch(() => undefined);
  let text = await read();
  if (text === undefined) {
    await mkdir(state, { recursive: true });
    // Whoever comes first has made it; a second one reads that.
    await writeFile(file, `${randomBytes(32).toString("hex")}\n`, {
      mode: 0o600,
      flag: "wx",
    }).catch(() => {});
    text = await read();
  }
  const key = Buffer.from(text?.trim() ?? "", "hex");
  if (key.length === 32) return key;
  throw problem("invalid", "platform_key_wrong", `${file} does not hold a platform key.`, {
    fix: "Put back the file from your backup; without it no access key can be used again.",
  });
}

/** Rejects with `platform_key_wrong` where the secrets of this database are sealed with another key. */
export async function checkPlatformKey(sql: Sql, seal: Seal): Promise<void> {
  const about = "platform-key";
  const mine = seal.close(about, about).toString("base64");
  await sql.query("insert into secret (name, value) values ($1, $2) on conflict do nothing", [
    about,
    mine,
  ]);
  const [row] = await sql.query<{ value: string }>("select value from secret where name = $1", [
    about,
  ]);
  try {
    seal.open(Buffer.from(row?.value ?? "", "base64"), about);
  } catch (error) {
    throw problem(
      "invalid",
      "platform_key_wrong",
      "The secrets in this database are sealed with another platform key.",
      { fix: "Copy platform.key from the state directory of a manager that works." },
      error,
    );
  }
}
