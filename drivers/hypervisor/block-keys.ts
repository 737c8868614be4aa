/**
 * The keys of encrypted disks inside QEMU: objects, one for each node that needs one, called after it.
 *
 * A key is told over a monitor, which is ours alone, or read from a file that has no name any more and that only the one
 * process has open. Never in a command line: that can be read by everybody on the host.
 */

import { randomBytes } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import type { Disk } from "./driver.ts";
import { type Ask, QmpRefusal } from "./qmp.ts";

const keyOf = (node: string) => `key-${node}`;

/** What a node is opened with, for QEMU. `format` must be said: it would open a plain file, and ignore the key. */
export const encryptedBy = (node: string, key: string | undefined) =>
  key === undefined ? {} : { encrypt: { format: "luks", "key-secret": keyOf(node) } };

/** One of an attempt that was killed is replaced: it may be another key by now. */
export async function addKey(ask: Ask, node: string, key: string): Promise<void> {
  await removeKey(ask, node);
  await ask("object-add", keyObject(node, { data: key }));
}

/** Absent is fine. */
export async function removeKey(ask: Ask, node: string): Promise<void> {
  await ask("object-del", { id: keyOf(node) }).catch((error: unknown) => {
    if (!(error instanceof QmpRefusal)) throw error;
  });
}

export const keyObject = (
  node: string,
  from: { readonly data: string } | { readonly file: string },
) => ({ "qom-type": "secret", id: keyOf(node), ...from });

/** In memory, and never on a disk. */
const memory = "/dev/shm";

/** The keys of a machine that is launched: files for its process, without names, in the order of its encrypted disks. */
export interface KeyFiles {
  readonly files: readonly FileHandle[];
  /** It has read them. */
  wipe(): Promise<void>;
}

export async function openKeys(disks: readonly Disk[], uid: number): Promise<KeyFiles> {
  const files: FileHandle[] = [];
  for (const { key } of disks) if (key !== undefined) files.push(await unnamed(key, uid));
  return {
    files,
    async wipe() {
      for (const file of files) {
        await file.truncate(0);
        await file.close();
      }
    },
  };
}

/** The key is written when the name is gone, so whoever is killed in between leaves an empty file. */
async function unnamed(key: string, uid: number): Promise<FileHandle> {
  const name = `${memory}/holdfast-key-${randomBytes(8).toString("hex")}`;
  const file = await open(name, "wx+", 0o600);
  await rm(name);
  await file.chown(uid, uid);
  await file.write(key);
  return file;
}
