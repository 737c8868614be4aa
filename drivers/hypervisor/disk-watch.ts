/**
 * Finding out that a disk has been taken from under a running QEMU. QEMU keeps it open and notices
 * nothing: a file that somebody cut or replaced makes no event, and the guest reads zeros.
 *
 * Only for disks of this host. To ask about a file on storage that hangs takes one of the few threads
 * that all file work of this process shares, and keeps it.
 */
import { stat } from "node:fs/promises";
import { codeOf } from "@holdfast/kernel/code-of";

export interface DiskWatch {
  /** What is wrong with which disk, each wrong told once. One look at a time. */
  look(): Promise<readonly DiskTrouble[]>;
}

export interface DiskTrouble {
  readonly file: string;
  /** A disk image only ever grows, and its name stays with it. */
  readonly is: "gone" | "replaced" | "cut";
  /** Bytes, before and now. */
  readonly was: number;
  readonly now: number;
}

interface Seen {
  readonly size: number;
  readonly inode: number;
}

/** `files` is asked at each look: disks come and go. */
export function watchDisks(files: () => readonly string[]): DiskWatch {
  const seen = new Map<string, Seen>();
  const told = new Set<string>();
  let looking: Promise<readonly DiskTrouble[]> | undefined;
  return {
    look() {
      looking ??= lookAtAll().finally(() => {
        looking = undefined;
      });
      return looking;
    },
  };

  async function lookAtAll(): Promise<readonly DiskTrouble[]> {
    const found: DiskTrouble[] = [];
    const now = files();
    for (const file of seen.keys()) if (!now.includes(file)) seen.delete(file);
    for (const file of now) {
      if (told.has(file)) continue;
      const trouble = await lookAt(file);
      if (!trouble) continue;
      told.add(file);
      found.push(trouble);
    }
    return found;
  }

  async function lookAt(file: string): Promise<DiskTrouble | undefined> {
    const before = seen.get(file);
    const now = await stat(file).then(
      ({ size, ino }) => ({ size, inode: ino }),
      (error) => (codeOf(error) === "ENOENT" ? undefined : before),
    );
    if (now) seen.set(file, now);
    if (!before) return undefined; // The first look has nothing to compare with.
    if (!now) return { file, is: "gone", was: before.size, now: 0 };
    if (now.inode !== before.inode)
      return { file, is: "replaced", was: before.size, now: now.size };
    return now.size < before.size
      ? { file, is: "cut", was: before.size, now: now.size }
      : undefined;
  }
}
