/**
 * Small files that an agent keeps in a directory, each written over as a whole.
 *
 * One that is new is made under its own name, which takes a start less than to make another and rename it. So what is cut short
 * by whoever kills the agent can be there, and half of JSON is none: who reads it drops it, as if it had not been begun.
 */
import { open, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface KeptFiles {
  write(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
}

/** Ends the names of files that are half made. They are of no use. */
export const halfMade = ".tmp";

export function keptFiles(directory: string): KeptFiles {
  /** Made by this process and not removed since. */
  const made = new Set<string>();
  let writes = 0;
  return {
    async write(name, text) {
      const file = join(directory, name);
      if (!made.has(name) && (await isMade(file, text))) return void made.add(name);
      const temporary = `${file}.${++writes}${halfMade}`;
      await writeFile(temporary, text, { mode: 0o600 });
      await rename(temporary, file);
    },
    async remove(name) {
      made.delete(name);
      await rm(join(directory, name), { force: true });
    },
  };
}

/** False if it was there. */
async function isMade(file: string, text: string): Promise<boolean> {
  const handle = await open(file, "wx", 0o600).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return undefined;
    throw error;
  });
  try {
    await handle?.writeFile(text);
  } finally {
    void handle?.close().catch(() => {}); // Nobody waits for that.
  }
  return handle !== undefined;
}
