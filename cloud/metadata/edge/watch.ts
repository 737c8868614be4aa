/**
 * Tells the hosts that are connected here what their guests may know: whole, whenever it has changed.
 *
 * Guests ask their host and nobody else, so what is told here is what they hear when no manager is there. Hosts of
 * which nobody says that anything happened are not read again, but for a look at all of them now and then.
 */
import type { HostId } from "@holdfast/kernel/ids";
import type { Ticks } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { type Turns, turns } from "@holdfast/store/turns";
import type { GuestNotes } from "../core/guest.ts";

export interface MetadataWatchDeps {
  readonly database: Database;
  readonly ticks: Ticks;
  /** The hosts that are connected here. */
  readonly hosts: () => readonly HostId[];
  /** Says it only if it is something else than was said last. */
  readonly tell: (host: HostId, guests: readonly GuestNotes[]) => void;
  readonly onError: (error: unknown) => void;
}

export interface MetadataWatch extends Turns {
  /** Something has happened to these. */
  touched(instances: readonly string[]): void;
  /** A host has connected and is welcome. */
  arrived(host: HostId): void;
}

/** Hosts that are read together: what their guests may know is a kilobyte for each guest. */
const hostsAtOnce = 200;
/** To look at all of them may take this share of a processor; the next such look waits accordingly. */
const shareForAll = 0.1;

export function metadataWatch({
  database,
  ticks,
  hosts,
  tell,
  onError,
}: MetadataWatchDeps): MetadataWatch {
  const due = new Set<HostId>();
  let instances = new Set<string>();
  let isAllWanted = false;
  let restUntil = 0;
  let timer: NodeJS.Timeout | undefined;
  const { changed: again, close } = turns(turn, onError);

  return {
    changed() {
      isAllWanted = true;
      again();
    },
    touched(some) {
      for (const id of some) instances.add(id);
      again();
    },
    arrived(host) {
      due.add(host);
      again();
    },
    async close() {
      clearTimeout(timer);
      await close();
    },
  };

  async function turn(): Promise<void> {
    const began = ticks();
    const isAll = isAllWanted && began >= restUntil;
    if (isAll) isAllWanted = false;
    const mine = instances;
    instances = new Set();
    try {
      if (isAll) for (const host of hosts()) due.add(host);
      else for (const host of await homesOf(database, [...mine])) due.add(host);
      const here = new Set(hosts());
      while (due.size > 0) {
        const batch = [...due].slice(0, hostsAtOnce);
        const told = batch.filter((host) => here.has(host));
        const notes = await readNotes(database, told);
        for (const host of told) tell(host, notes.get(host) ?? []);
        for (const host of batch) due.delete(host);
      }
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
}

/** Where they are, and where they were: there they are to be forgotten. */
async function homesOf(
  database: Database,
  instances: readonly string[],
): Promise<readonly HostId[]> {
  if (instances.length === 0) return [];
  const rows = await database.query<{ host: HostId }>(
    `select distinct host_id as host from incarnation where instance_id = any($1)
     union select home from instance where id = any($1) and home is not null`,
    [instances],
  );
  return rows.map(({ host }) => host);
}

/** What is over is told for a week, as EC2 does; more of it than this helps nobody. */
const mostEvents = 20;

async function readNotes(
  database: Database,
  hosts: readonly HostId[],
): Promise<ReadonlyMap<HostId, readonly GuestNotes[]>> {
  if (hosts.length === 0) return new Map();
  const rows = await database.query<{ host: HostId; notes: GuestNotes[] }>(
    `select i.home as host, json_agg(json_build_object('instance', i.id,
       'groups', coalesce((select json_agg(json_build_object('nic', n.id, 'names', array(
           select g.name from nic_group m join security_group g on g.id = m.group_id
           where m.nic_id = n.id order by g.name)) order by n.slot)
         from nic n where n.instance_id = i.id), '[]'),
       'publicKeys', coalesce((select json_agg(json_build_object('name', k.name, 'key', k.public_key)
         order by k.slot) from instance_key k where k.instance_id = i.id), '[]'),
       'events', coalesce((select json_agg(e.event order by e.at, e.id) from (
         select s.id, s.not_before as at, json_build_object('id', s.id, 'code', s.code, 'says', s.says,
           'notBefore', ${millis("s.not_before")}, 'notAfter', ${millis("s.not_after")},
           'deadline', ${millis("s.deadline")}, 'state', s.state, 'since', ${millis("s.created_at")}) as event
         from scheduled_event s where s.instance_id = i.id
           and (s.state = 'active' or s.ended_at > now() - interval '7 days')
         order by s.state <> 'active', s.not_before desc limit ${mostEvents}) e), '[]')
     ) order by i.id) as notes
     from instance i where i.home = any($1)
       -- Whoever has no connection cannot ask.
       and exists (select from nic n where n.instance_id = i.id) group by i.home`,
    [hosts],
  );
  return new Map(rows.map(({ host, notes }) => [host, notes]));
}

const millis = (column: string) => `round(extract(epoch from ${column}) * 1000)`;
