/** Where a host keeps templates. The note that one is whole is written last, so what has none was cut short. */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Instant } from "@holdfast/kernel/time";
import { z } from "zod";
import type { Kept } from "../core/templates.ts";
import type { TemplateShelf } from "./templates.ts";

const Note = z.object({
  key: z.string(),
  bytes: z.number(),
  usedAt: z.number().transform((at) => at as Instant), // Written by a clock of this host.
});

export async function fileTemplates(root: string): Promise<TemplateShelf> {
  await mkdir(root, { recursive: true, mode: 0o711 });
  let writes = 0;
  return {
    async load() {
      const found: Kept[] = [];
      for (const name of await readdir(root)) {
        const directory = join(root, name);
        const note = await readNote(directory);
        if (note) found.push({ directory, ...note });
        else await rm(directory, { recursive: true, force: true });
      }
      return found;
    },
    make: () => mkdtemp(join(root, "t-")),
    async seal({ directory, ...note }) {
      const temporary = join(directory, `note.${++writes}`);
      await writeFile(temporary, JSON.stringify(note), { mode: 0o600 });
      await rename(temporary, join(directory, "note.json"));
    },
    remove: (directory) => rm(directory, { recursive: true, force: true }),
  };
}

async function readNote(directory: string) {
  try {
    return Note.safeParse(JSON.parse(await readFile(join(directory, "note.json"), "utf8"))).data;
  } catch {
    return undefined; // Cut short.
  }
}

/** For simulated hosts: outlives the agent as a disk does, if whoever made it keeps it. */
export function memoryTemplates(): TemplateShelf {
  const all = new Map<string, Kept | undefined>();
  let made = 0;
  return {
    async load() {
      for (const [directory, template] of all) if (!template) all.delete(directory);
      return [...all.values()].filter((each) => each !== undefined);
    },
    async make() {
      const directory = `/templates/${++made}`;
      all.set(directory, undefined);
      return directory;
    },
    seal: async (template) =>
      void (all.has(template.directory) && all.set(template.directory, template)),
    remove: async (directory) => void all.delete(directory),
  };
}
