/**
 * Where an agent keeps the wishes it holds, so that it works on through a manager's absence and its own
 * restarts.
 *
 * Written before anything is done about them, but that a machine may be prepared that was not here before. Not synced to
 * the disk: after a power loss nothing runs, and the managers say it all again. The keys of encrypted volumes are not in it,
 * only where there is one.
 */
import { Wish } from "@holdfast/cloud/hosts";
import { GuestNotes } from "@holdfast/cloud/metadata";
import { NetworkPicture } from "@holdfast/cloud/networks";
import type { InstanceId } from "@holdfast/kernel/ids";
import { z } from "zod";
import { keptLines } from "./kept-lines.ts";
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
  close(): Promise<void>;
}

const kept = ({ wish, reboots }: Held): Held => ({ wish: withoutKeys(wish), reboots });

const HeldLine = z.object({ wish: Wish, reboots: z.number().int() });

export async function fileShelf(file: string): Promise<Shelf> {
  const lines = await keptLines<Held>(file, HeldLine);
  return {
    load: async () => lines.found, // Of what could not be read the managers tell again.
    save: (held) => lines.write(held.wish.instance, kept(held)),
    remove: lines.remove,
    close: lines.close,
  };
}

/** The picture of the host's networks, in a file of its own. */
export const filePicture = (file: string): Promise<PictureShelf> =>
  inFile(file, z.array(NetworkPicture));
/** What its guests may know, in another. */
export const fileNotes = (file: string): Promise<NoteShelf> => inFile(file, z.array(GuestNotes));

async function inFile<T>(file: string, shape: z.ZodType<T>) {
  const { found, write, close } = await keptLines(file, shape);
  return {
    load: async () => found[0],
    save: (value: T) => write("all", value),
    close,
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
    close: async () => {},
  };
}

/** For simulated hosts: outlives the agent as a disk does, if whoever made it keeps it. */
export function memoryShelf(): Shelf {
  const all = new Map<InstanceId, Held>();
  return {
    load: async () => [...all.values()],
    save: async (held) => void all.set(held.wish.instance, kept(held)),
    remove: async (instance) => void all.delete(instance),
    close: async () => {},
  };
}
