/**
 * Tells the hosts that are connected here what their guests may know: of all of them when they come, and then of those
 * to whom something has happened.
 *
 * Guests ask their host and nobody else, so what is told here is what they hear when no manager is there. Where a guest
 * has left, its notes stay until the next look at all of them, which is now and then: whoever does not run there cannot ask.
 */
import { grouped } from "@holdfast/kernel/grouped";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Ticks } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { type Turns, turns } from "@holdfast/store/turns";
import type { GuestNotes } from "../core/guest.ts";
import { homesOf, notesAt, notesOf } from "./notes.ts";

export interface MetadataWatchDeps {
  readonly database: Database;
  readonly ticks: Ticks;
  /** The hosts that are connected here. */
  readonly hosts: () => readonly HostId[];
  /** Says it only if it is something else than was said last. */
  readonly tell: (host: HostId, guests: readonly GuestNotes[]) => void;
  /** The same of some of them; null: there is nothing that it may know. */
  readonly tellChanges: (host: HostId, changes: ReadonlyMap<InstanceId, GuestNotes | null>) => void;
  readonly onError: (error: unknown) => void;
}

export interface MetadataWatch extends Turns {
  /** Something has happened to these; `host`: they are to be there. */
  touched(instances: readonly string[], host?: HostId): void;
  /** A host has connected and is welcome. */
  arrived(host: HostId): void;
}

/** Hosts that are read together: what their guests may know is a kilobyte for each guest. */
const hostsAtOnce = 200;
const guestsAtOnce = 5_000;
/** What has happened to a guest is told after so long, milliseconds: most of it comes with more of the same. */
const gathering = 50;
/**
 * Of one that is new at its host so much sooner: until it is told, a guest that asks hears that it has no keys, and asks but once. The
 * picture of its networks, which its start waits for, comes before.
 */
const soon = 15;
/** So many are looked up in one breath. */
const few = 8;
/** To look at all of them may take this share of a processor; the next such look waits accordingly. */
const shareForAll = 0.1;

export function metadataWatch({
  database,
  ticks,
  hosts,
  tell,
  tellChanges,
  onError,
}: MetadataWatchDeps): MetadataWatch {
  const due = new Set<HostId>();
  let instances = new Set<string>();
  let isAllWanted = false;
  let restUntil = 0;
  let timer: NodeJS.Timeout | undefined;
  let gatherer: NodeJS.Timeout | undefined;
  let isSoon = false;
  /** Where those are who were told of, as they were read last. */
  const homes = new Map<string, HostId>();
  const { changed: again, close } = turns(turn, onError);

  return {
    changed() {
      isAllWanted = true;
      again();
    },
    touched(some, host) {
      let isNew = false;
      for (const id of some) {
        instances.add(id);
        const home = homes.get(id);
        if (home === undefined || (host !== undefined && home !== host)) isNew = true;
      }
      if (some.length > 0) gather(isNew);
    },
    arrived(host) {
      due.add(host);
      again();
    },
    async close() {
      clearTimeout(timer);
      clearTimeout(gatherer);
      await close();
    },
  };

  function gather(isNew: boolean): void {
    if (gatherer && (isSoon || !isNew)) return;
    clearTimeout(gatherer);
    isSoon = isNew;
    gatherer = setTimeout(gathered, isNew ? soon : gathering);
  }

  function gathered(): void {
    gatherer = undefined;
    again();
  }

  async function turn(): Promise<void> {
    const began = ticks();
    const isAll = isAllWanted && began >= restUntil;
    if (isAll) isAllWanted = false;
    const mine = instances;
    instances = new Set();
    try {
      if (isAll) {
        homes.clear();
        for (const host of hosts()) due.add(host);
      } else await tellOf([...mine] as InstanceId[]); // As managers have written them.
      while (due.size > 0) await tellAllOf([...due].slice(0, hostsAtOnce));
    } catch (error) {
      if (isAll) isAllWanted = true;
      for (const id of mine) instances.add(id);
      throw error;
    }
    if (isAll) restUntil = ticks() + (ticks() - began) / shareForAll;
    if (!isAllWanted) return;
    clearTimeout(timer);
    timer = setTimeout(again, Math.max(1, restUntil - ticks()));
  }

  /** Those who are not here will have come anew when they are; whoever comes meanwhile is due again. */
  async function tellAllOf(batch: readonly HostId[]): Promise<void> {
    const here = new Set(hosts());
    const told = batch.filter((host) => here.has(host));
    for (const host of batch) due.delete(host);
    try {
      const notes = await notesAt(database, told);
      for (const host of told) {
        const guests = notes.get(host) ?? [];
        for (const { instance } of guests) homes.set(instance, host);
        tell(host, guests);
      }
    } catch (error) {
      for (const host of told) due.add(host);
      throw error;
    }
  }

  async function tellOf(instances: readonly InstanceId[]): Promise<void> {
    if (instances.length <= few) {
      // As nearly always, while they start: in one packet, wherever they are.
      const [found, notes] = await Promise.all([
        homesOf(database.lookUps, instances),
        notesOf(database.lookUps, instances),
      ]);
      return tellThese(hereOf(instances, found), notes);
    }
    for (let from = 0; from < instances.length; from += guestsAtOnce) {
      const some = instances.slice(from, from + guestsAtOnce);
      const here = hereOf(some, await homesOf(database, some));
      const notes = await notesOf(
        database,
        here.map(({ instance }) => instance),
      );
      tellThese(here, notes);
    }
  }

  /** Those of them whose host is connected here; whoever is nowhere is new wherever it comes. */
  function hereOf(instances: readonly InstanceId[], found: Homes): Homes {
    for (const id of instances) homes.delete(id);
    for (const { instance, host } of found) homes.set(instance, host);
    const here = new Set(hosts());
    return found.filter(({ host }) => here.has(host));
  }

  function tellThese(found: Homes, notes: Awaited<ReturnType<typeof notesOf>>): void {
    for (const [host, guests] of grouped(found, ({ host }) => host))
      tellChanges(
        host,
        new Map(guests.map(({ instance }) => [instance, notes.get(instance) ?? null])),
      );
  }
}

type Homes = Awaited<ReturnType<typeof homesOf>>;
