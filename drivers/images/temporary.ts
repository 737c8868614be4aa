/**
 * Temporary files that clean up after processes which could not.
 *
 * The name of each carries who makes it: process id and the time that process started. When a store
 * is opened, files whose maker is gone are deleted; files of a living process are left alone, because
 * two processes may share a store. A process id alone would not do: they are used again.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

export interface Temporaries {
  /** A path where nothing is yet. */
  next(): string;
}

/** `directory` exists and is used for nothing else. */
export async function openTemporaries(directory: string): Promise<Temporaries> {
  for (const name of await readdir(directory)) {
    const [, pid, started] = /^(\d+)-(\d+)-\d+$/.exec(name) ?? [];
    if (!pid || (await startOf(pid)) !== started)
      await rm(join(directory, name), { recursive: true, force: true });
  }
  const maker = `${process.pid}-${await startOf(`${process.pid}`)}`;
  return {
    next() {
      made += 1;
      return join(directory, `${maker}-${made}`);
    },
  };
}

/** For the whole process, because it may open the same store more than once. */
let made = 0;

/** When a process started, in ticks since the boot of the machine; undefined if it is gone. */
async function startOf(pid: string): Promise<string | undefined> {
  try {
    // The second field, the program's name, may contain anything, so count from behind it.
    const fields = (await readFile(`/proc/${pid}/stat`, "latin1"))
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[19];
  } catch {
    return undefined;
  }
}
