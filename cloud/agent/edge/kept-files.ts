/**
 * Small files of JSON that an agent keeps in a directory, each written over as a whole.
 *
 * One that is new is made under its own name, which takes a start less than to make another and rename it. So what is cut short
 * by whoever kills the agent can be there, and half of JSON is none: who reads it drops it, as if it had not been begun.
 * Nothing is synced. After a power loss a file that was whole may be empty as well, and is dropped like the others.
 */
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "@holdfast/kernel/code-of";
import { parsed } from "@holdfast/kernel/parsed";
import type { z } from "zod";

export interface KeptFiles<T> {
  /** All of them. What is half made, or not of this shape, is deleted. */
  load(): Promise<readonly T[]>;
  write(name: string, value: T): Promise<void>;
  remove(name: string): Promise<void>;
}

/** Ends the names of files that are half made. They are of no use. */
const halfMade = ".tmp";
const ending = ".json";

/** In a directory that is made if it is not there; of this user alone. */
export async function keptFiles<T>(directory: string, shape: z.ZodType<T>): Promise<KeptFiles<T>> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  /** Made by this process and not removed since. */
  const made = new Set<string>();
  let writes = 0;
  const fileOf = (name: string) => join(directory, `${name}${ending}`);
  return {
    async load() {
      const all: T[] = [];
      for (const name of await readdir(directory)) {
        const file = join(directory, name);
        if (name.endsWith(halfMade)) await rm(file, { force: true });
        if (!name.endsWith(ending)) continue;
        const read = shape.safeParse(parsed(await readFile(file, "utf8")));
        if (read.success) all.push(read.data);
        else await rm(file, { force: true });
      }
      return all;
    },
    async write(name, value) {
      const file = fileOf(name);
      const text = JSON.stringify(value);
      if (!made.has(name) && (await makeNew(file, text))) return void made.add(name);
      const temporary = `${file}.${++writes}${halfMade}`;
      await writeFile(temporary, text, { mode: 0o600 });
      await rename(temporary, file);
    },
    async remove(name) {
      made.delete(name);
      await rm(fileOf(name), { force: true });
    },
  };
}

/** False if it was there. */
async function makeNew(file: string, text: string): Promise<boolean> {
  const handle = await open(file, "wx", 0o600).catch((error: unknown) => {
    if (codeOf(error) === "EEXIST") return undefined;
    throw error;
  });
  try {
    await handle?.writeFile(text);
  } finally {
    void handle?.close().catch(() => {}); // Nobody waits for that.
  }
  return handle !== undefined;
}
