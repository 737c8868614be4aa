/**
 * Where an agent keeps the wishes it holds, so that it works on through a manager's absence and its own
 * restarts.
 *
 * Written before anything is done about them, but that a machine may be prepared that was not here before. Not synced to
 * the disk: after a power loss nothing runs, and the managers say it all again. The keys of encrypted volumes are not in it,
 * only where there is one.
 */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { Wish } from "@holdfast/cloud/hosts";
import { GuestNotes } from "@holdfast/cloud/metadata";
import { NetworkPicture } from "@holdfast/cloud/networks";
import type { InstanceId } from "@holdfast/kernel/ids";
import { parsed } from "@holdfast/kernel/parsed";
import { z } from "zod";
import { keptFiles } from "./kept-files.ts";
import { withoutKeys } from "./keys.ts";
import type { PictureShelf } from "./networker.ts";
import type { NoteShelf } from "./notebook.ts";

export interface Held {
  readonly wish: Wish;
  /** Resets carried out in the wished generation. */
  readonly reboots: number;
}

export interface Shelf {
  /** With a mark in the place of each key: see keys.ts. */
  load(): Promise<readonly Held[]>;
  save(held: Held): Promise<void>;
  remove(instance: InstanceId): Promise<void>;
}

const kept = ({ wish, reboots }: Held): Held => ({ wish: withoutKeys(wish), reboots });

const HeldFile = z.object({ wish: Wish, reboots: z.number().int() });

export async function fileShelf(directory: string): Promise<Shelf> {
  const files = await keptFiles<Held>(directory, HeldFile);
  const save = (held: Held) => files.write(held.wish.instance, kept(held));
  return {
    async load() {
      const held: Held[] = [];
      // Of what could not be read the managers tell again.
      for (const each of await files.load()) held.push(await cleaned(each));
      return held;
    },
    save,
    remove: (instance) => files.remove(instance),
  };

  /** Agents of protocol 9 kept keys as they were told them. */
  async function cleaned(held: Held): Promise<Held> {
    if (withoutKeys(held.wish) !== held.wish) await save(held);
    return kept(held);
  }
}

/** The picture of the host's networks, in a file of its own. */
export const filePicture = (file: string): PictureShelf => inFile(file, z.array(NetworkPicture));
/** What its guests may know, in another. */
export const fileNotes = (file: string): NoteShelf => inFile(file, z.array(GuestNotes));

function inFile<T>(file: string, shape: z.ZodType<T>) {
  const temporary = `${file}.tmp`;
  let last: Promise<unknown> = Promise.resolve();
  return {
    async load(): Promise<T | undefined> {
      await rm(temporary, { force: true }); // Left by an agent that was killed while it wrote.
      const text = await readFile(file, "utf8").catch(() => "");
      return text ? shape.safeParse(parsed(text)).data : undefined;
    },
    /** In the order of the calls. */
    save(value: Readonly<T>): Promise<void> {
      const saved = last.then(async () => {
        await writeFile(temporary, JSON.stringify(value), { mode: 0o600 });
        await rename(temporary, file);
      });
      last = saved.catch(() => {}); // Whoever asked is told.
      return saved;
    },
  };
}

/** For simulated hosts, as below. */
export const memoryPicture = (): PictureShelf => inMemory<readonly NetworkPicture[]>();
export const memoryNotes = (): NoteShelf => inMemory<readonly GuestNotes[]>();

function inMemory<T>() {
  let kept: T | undefined;
  return {
    load: async () => kept,
    save: async (value: T) => {
      kept = value;
    },
  };
}

/** For simulated hosts: outlives the agent as a disk does, if whoever made it keeps it. */
export function memoryShelf(): Shelf {
  const all = new Map<InstanceId, Held>();
  return {
    load: async () => [...all.values()],
    save: async (held) => void all.set(held.wish.instance, kept(held)),
    remove: async (instance) => void all.delete(instance),
  };
}
