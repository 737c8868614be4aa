/**
 * Files that are there whole or not at all: made under a name of their own, brought to the disk, and only then
 * given the name by which others look for them.
 *
 * The temporary names are in a folder for each host, because hosts that share a directory cannot tell whether
 * each other's processes live. A host deletes what its own dead processes have left.
 */
import { chmod, link, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openTemporaries, type Temporaries } from "../images/temporary.ts";
import { meaning } from "./programs.ts";

export interface Place {
  readonly directory: string;
  /** Lets `fill` make a file, which is given its name unless one is there by then. */
  make(file: string, mode: number, fill: (temporary: string) => Promise<void>): Promise<void>;
}

/** Below `directory`, which exists. */
export async function openPlace(directory: string, host: string): Promise<Place> {
  const incoming = join(directory, "incoming", host);
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  const temporaries: Temporaries = await openTemporaries(incoming);
  return {
    directory,
    async make(file, mode, fill) {
      if (await exists(file)) return;
      const temporary = temporaries.next();
      try {
        await fill(temporary);
        await chmod(temporary, mode);
        await sync(temporary);
        await linkOnce(temporary, file);
        await sync(dirname(file));
      } catch (error) {
        throw meaning(error);
      } finally {
        await rm(temporary, { force: true });
      }
    },
  };
}

export const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

/** Also of a directory: a new name is on the disk only when its directory is. */
export async function sync(file: string): Promise<void> {
  const handle = await open(file);
  await handle.sync().finally(() => handle.close());
}

/** A reader sees the old text or the new, also after a power cut. */
export async function replaceSynced(file: string, text: string): Promise<void> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, "w", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  await sync(dirname(file));
}

async function linkOnce(temporary: string, file: string): Promise<void> {
  await link(temporary, file).catch(async (error: unknown) => {
    if (!(await exists(file))) throw error;
  });
}
