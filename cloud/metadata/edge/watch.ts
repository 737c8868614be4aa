/**
 * Tells the hosts that are connected here what their guests may know: whole, whenever it has changed.
 *
 * Guests ask their host and nobody else, so what is told here is what they hear when no manager is there.
 */
import type { HostId } from "@holdfast/kernel/ids";
import type { Database } from "@holdfast/store/database";
import { type Turns, turns } from "@holdfast/store/turns";
import type { GuestNotes } from "../core/guest.ts";

export interface MetadataWatchDeps {
  readonly database: Database;
  /** The hosts that are connected here. */
  readonly hosts: () => readonly HostId[];
  /** Says it only if it is something else than was said last. */
  readonly tell: (host: HostId, guests: readonly GuestNotes[]) => void;
  readonly onError: (error: unknown) => void;
}

export function metadataWatch({ database, hosts, tell, onError }: MetadataWatchDeps): Turns {
  return turns(async () => {
    const here = hosts();
    const notes = await readNotes(database, here);
    for (const host of here) tell(host, notes.get(host) ?? []);
  }, onError);
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
