/**
 * What guests may know, as it is read: of all guests of some hosts, or of some guests.
 *
 * Each part is read for all of them together, and only where there is something: most guests have few keys and no event,
 * and to ask about each of them cost more than whatever had happened to it.
 */
import type { HostId, InstanceId, NicId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import type { GuestNotes, ScheduledEvent } from "../core/guest.ts";

/** Where these are. */
export async function homesOf(
  sql: Sql,
  instances: readonly InstanceId[],
): Promise<readonly { readonly instance: InstanceId; readonly host: HostId }[]> {
  if (instances.length === 0) return [];
  return sql.query(
    "select id as instance, home as host from instance where id = any($1) and home is not null",
    [instances],
  );
}

/** Those who are not in it may know nothing. */
export async function notesOf(
  sql: Sql,
  instances: readonly InstanceId[],
): Promise<ReadonlyMap<InstanceId, GuestNotes>> {
  const rows = await read(sql, "i.id = any($1)", instances);
  return new Map(rows.map(({ notes }) => [notes.instance, notes]));
}

export async function notesAt(
  sql: Sql,
  hosts: readonly HostId[],
): Promise<ReadonlyMap<HostId, readonly GuestNotes[]>> {
  const found = new Map<HostId, GuestNotes[]>();
  for (const { host, notes } of await read(sql, "i.home = any($1)", hosts)) {
    const known = found.get(host);
    if (known) known.push(notes);
    else found.set(host, [notes]);
  }
  return found;
}

interface Row {
  readonly instance: InstanceId;
  readonly host: HostId;
}

/** What is over is told for a week, as EC2 does; more of it than this helps nobody. */
const mostEvents = 20;
const millis = (column: string) => `round(extract(epoch from ${column}) * 1000)::float8`;

async function read(sql: Sql, which: string, ids: readonly string[]) {
  if (ids.length === 0) return [];
  const [groups, keys, events] = await Promise.all([
    sql.query<Row & { nic: NicId; names: string[] }>(
      `select i.id as instance, i.home as host, n.id as nic, array_agg(g.name order by g.name) as names
       from instance i join nic n on n.instance_id = i.id join nic_group m on m.nic_id = n.id
         join security_group g on g.id = m.group_id
       where ${which} group by i.id, n.id order by i.id, n.slot`,
      [ids],
    ),
    sql.query<Row & { name: string; key: string }>(
      `select i.id as instance, i.home as host, k.name, k.public_key as key
       from instance i join instance_key k on k.instance_id = i.id
       where ${which} and ${isConnected} order by i.id, k.slot`,
      [ids],
    ),
    sql.query<Row & ScheduledEvent>(
      `select * from (
         select i.id as instance, i.home as host, s.id, s.code, s.says, ${millis("s.not_before")} as "notBefore",
           ${millis("s.not_after")} as "notAfter", ${millis("s.deadline")} as deadline, s.state,
           ${millis("s.created_at")} as since,
           row_number() over (partition by i.id order by s.state <> 'active', s.not_before desc) as place
         from instance i join scheduled_event s on s.instance_id = i.id
         where ${which} and ${isConnected} and (s.state = 'active' or s.ended_at > now() - interval '7 days')) e
       where place <= ${mostEvents} order by e.instance, e."notBefore", e.id`,
      [ids],
    ),
  ]);
  const found = new Map<InstanceId, { host: HostId; notes: Written }>();
  const notesFor = ({ instance, host }: Row): Written => {
    const known = found.get(instance) ?? { host, notes: nothingOf(instance) };
    found.set(instance, known);
    return known.notes;
  };
  for (const row of groups) notesFor(row).groups.push({ nic: row.nic, names: row.names });
  for (const row of keys) notesFor(row).publicKeys.push({ name: row.name, key: row.key });
  for (const row of events) {
    const { instance, host, ...event } = row;
    notesFor({ instance, host }).events.push(eventOf(event));
  }
  return [...found.values()].sort((a, b) => (a.notes.instance < b.notes.instance ? -1 : 1));
}

/** While it is being put together. */
type Written = { -readonly [Part in keyof GuestNotes]: GuestNotes[Part] };

const nothingOf = (instance: InstanceId): Written => ({
  ...{ instance, groups: [], publicKeys: [], events: [] },
});

/** Without what only the query needs. */
const eventOf = (row: ScheduledEvent): ScheduledEvent => {
  const { id, code, says, notBefore, notAfter, deadline, state, since } = row;
  return { id, code, says, notBefore, notAfter, deadline, state, since };
};

/** Whoever has no connection cannot ask. */
const isConnected = "exists (select from nic n where n.instance_id = i.id)";
