/**
 * The keys of encrypted disks inside QEMU: objects, one for each node that needs one, called after it.
 *
 * A key is told over a monitor, which is ours alone, or read from a file that has no name any more and that only the one
 * process has open. Never in a command line: that can be read by everybody on the host.
 */

import { randomBytes } from "node:crypto";
import { type FileHandle, open, readlink, rm, truncate } from "node:fs/promises";
import type { Disk } from "./driver.ts";
import { keyFd } from "./launch.ts";
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
const named = "/dev/shm/holdfast-key-";

/** The keys of a machine that is launched: files for its process, without names, in the order of its encrypted disks. */
export interface KeyFiles {
  readonly files: readonly FileHandle[];
  /** It has read them, or never will. Does nothing a second time. */
  wipe(): Promise<void>;
}

/** Leaves nothing behind if it rejects. */
export async function openKeys(disks: readonly Disk[], uid: number): Promise<KeyFiles> {
  const files: FileHandle[] = [];
  const wipe = async () => {
    await Promise.all(files.splice(0).map((file) => file.truncate(0).finally(() => file.close())));
  };
  try {
    for (const { key } of disks) if (key !== undefined) await write(await opened(), key);
  } catch (error) {
    await wipe();
    throw error;
  }
  return { files: [...files], wipe };

  async function opened(): Promise<FileHandle> {
    const file = await unnamed();
    files.push(file);
    return file;
  }

  /** When the name is gone, so whoever is killed in between leaves an empty file. */
  async function write(file: FileHandle, key: string): Promise<void> {
    await file.chown(uid, uid);
    await file.write(key);
  }
}

/**
 * Of a process that has opened its disks, and whose launcher was killed before it could say so: the files that it was given
 * are open in it for as long as it lives.
 */
export async function wipeKeysOf(pid: number): Promise<void> {
  for (let index = 0; ; index++) {
    const file = `/proc/${pid}/fd/${keyFd(index)}`;
    const target = await readlink(file).catch(() => "");
    if (!target.startsWith(named)) return;
    await truncate(file);
  }
}

async function unnamed(): Promise<FileHandle> {
  const name = `${named}${randomBytes(8).toString("hex")}`;
  const file = await open(name, "wx+", 0o600);
  await rm(name);
  return file;
}
