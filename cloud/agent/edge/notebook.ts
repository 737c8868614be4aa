/**
 * What a host was told for its guests to know. Kept where a restart finds it, so that guests are answered
 * while no manager is there.
 */
import type { GuestNotes } from "@holdfast/cloud/metadata";
import type { InstanceId } from "@holdfast/kernel/ids";

/** Where the last of it is kept. */
export interface NoteShelf {
  load(): Promise<readonly GuestNotes[] | undefined>;
  save(guests: readonly GuestNotes[]): Promise<void>;
  close(): Promise<void>;
}

export interface Notebook {
  open(): Promise<void>;
  /** All of them; whoever is not among them has none. */
  hear(guests: readonly GuestNotes[]): void;
  /** Of these it is so now, and those have none; all others stay as they were last heard. */
  hearChanges(guests: readonly GuestNotes[], gone: readonly InstanceId[]): void;
  of(instance: InstanceId): GuestNotes | undefined;
}

export interface NotebookDeps {
  readonly shelf: NoteShelf;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export function notebook({ shelf, log }: NotebookDeps): Notebook {
  let notes: ReadonlyMap<InstanceId, GuestNotes> = new Map();
  const keep = (guests: readonly GuestNotes[]) => {
    notes = new Map(guests.map((guest) => [guest.instance, guest]));
  };
  return {
    async open() {
      keep((await shelf.load()) ?? []);
    },
    hear,
    hearChanges(guests, gone) {
      const changed = new Set([...guests.map(({ instance }) => instance), ...gone]);
      hear([...[...notes.values()].filter(({ instance }) => !changed.has(instance)), ...guests]);
    },
    of: (instance) => notes.get(instance),
  };

  function hear(guests: readonly GuestNotes[]): void {
    keep(guests);
    shelf.save(guests).catch((error) => log("could not keep what guests may know", { error }));
  }
}
