/**
 * What to look at: what has changed since the last look, what should have changed, and the next few of all.
 *
 * What changed is what the journal tells of. What changes without a row in the journal, and should not have, is
 * found by walking through everything, a few of each kind at a time.
 */
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { journalEnd, type Place, readSubjects } from "@holdfast/store/tail";
import { type Kind, kinds } from "../core/model.ts";
import { front } from "../core/queue.ts";

export interface Cursor {
  /** Where in the journal; undefined: not begun. */
  readonly place: Place | undefined;
  /** Where the walk through each kind is; undefined: it begins anew. */
  readonly at: { readonly [K in Kind]?: string | undefined };
}

export const startOfAll = (): Cursor => ({ place: undefined, at: {} });

export interface Reach {
  /** Of each kind at each look; as many as there are if it is Infinity. With 0 the walk stays where it is. */
  readonly walk: number;
  /**
   * Subjects of one kind that the journal names. More than these are left to the walk: five hundred guests with all of their
   * relatives were a tenth of what PostgreSQL did where a rack had died.
   */
  readonly most: number;
}

export type Subjects = { readonly [K in Kind]: Set<string> };

const noSubjects = (): Subjects => ({
  instance: new Set(),
  host: new Set(),
  job: new Set(),
  volume: new Set(),
  network: new Set(),
  work: new Set(),
});

/** Rows of the journal that are read at once. Where more have come, the walk has to do. */
const mostRows = 5_000;

export interface Changes {
  readonly subjects: Subjects;
  /** How many of each kind the walk has come by. */
  readonly walked: Readonly<Record<Kind, number>>;
  /** Kinds of which the walk has come to the end with this. */
  readonly rounds: readonly Kind[];
  /** Where to go on from. */
  readonly next: Cursor;
  /** Instances that are late to be looked at, those first that are due for longest: the front of a crowd at least. */
  readonly overdue: readonly string[];
}

export async function findChanges(
  sql: Sql,
  cursor: Cursor,
  { walk, most }: Reach,
  lateBefore: Instant,
): Promise<Changes> {
  const subjects = noSubjects();
  const [told, walked, overdue] = await Promise.all([
    readTold(sql, cursor),
    Promise.all(kinds.map((kind) => readWalk(sql, kind, cursor, walk))),
    readOverdue(sql, lateBefore, Math.max(most, front)),
  ]);
  add(subjects.instance, overdue, most);
  for (const kind of toldOf) add(subjects[kind], told.by[kind] ?? [], most);
  add(subjects.job, told.jobs, most);
  await addRelatives(sql, subjects);
  for (const [index, kind] of kinds.entries())
    for (const id of walked[index] ?? []) subjects[kind].add(id);
  const ends = kinds.map((kind, index) => {
    const ids = walked[index] ?? [];
    if (walk === 0) return [kind, cursor.at[kind]] as const;
    return [kind, ids.length < walk ? undefined : ids.at(-1)] as const;
  });
  const counts = kinds.map((kind, index) => [kind, walked[index]?.length ?? 0]);
  return {
    subjects,
    walked: Object.fromEntries(counts) as Changes["walked"], // One for each kind.
    rounds: walk === 0 ? [] : ends.flatMap(([kind, end]) => (end === undefined ? kind : [])),
    next: { place: told.end, at: Object.fromEntries(ends) },
    overdue,
  };
}

/** What the journal has its rows about. */
const toldOf = ["instance", "host", "volume", "network"] as const;

function add(to: Set<string>, ids: readonly string[], most: number): void {
  for (const id of ids) if (to.size < most) to.add(id);
}

/** Where there is too much to follow, the next look goes on from the end. */
async function readTold(sql: Sql, { place }: Cursor) {
  if (place === undefined) return { end: await journalEnd(sql), by: {}, jobs: [] };
  const { end, count, by, jobs } = await readSubjects(sql, place, mostRows);
  return { end: count === mostRows ? undefined : (end ?? place), by, jobs };
}

async function readOverdue(
  sql: Sql,
  lateBefore: Instant,
  most: number,
): Promise<readonly string[]> {
  const rows = await sql.query<{ id: string }>(
    `select i.id from due d join instance i on i.id = d.instance_id
     where d.at < $1 and i.look_at < $1 order by d.at limit $2`,
    [iso(lateBefore), Number.isFinite(most) ? most : null],
  );
  return rows.map(({ id }) => id);
}

/** In the order of their ids, from where the walk has come to. Jobs that are over change no more: one look at everything is enough for them. */
const walks: Readonly<Record<Kind, string>> = {
  instance: "select id from instance where true",
  host: "select id from host where true",
  job: "select id from job where (state = 'running' or $2::bigint is null)",
  volume: "select id from volume where state <> 'expunged'",
  network: "select id from network where true",
  work: "select id from maintenance m where not exists (select from maintenance o where o.host_id = m.host_id and o.created_at > m.created_at)",
};

async function readWalk(
  sql: Sql,
  kind: Kind,
  { at }: Cursor,
  walk: number,
): Promise<readonly string[]> {
  if (walk === 0) return [];
  const rows = await sql.query<{ id: string }>(
    `${walks[kind]} and ($1::uuid is null or id > $1) order by id limit $2`,
    [at[kind] ?? null, Number.isFinite(walk) ? walk : null],
  );
  return rows.map(({ id }) => id);
}

/** Whatever happens to an instance is something to the hosts that it was on, to its volumes, networks and job. */
async function addRelatives(
  sql: Sql,
  { instance, host, job, volume, network, work }: Subjects,
): Promise<void> {
  const ids = [...instance];
  const rows = await sql.query<{ kind: Exclude<Kind, "instance">; id: string }>(
    `select 'host' as kind, c.host_id as id from incarnation c join instance i on i.id = c.instance_id
       where c.instance_id = any($1) and c.generation >= i.generation - 1
     union select 'volume', volume_id from instance where id = any($1)
     union select 'volume', volume_id from attachment where instance_id = any($1)
     union select 'network', network_id from nic where instance_id = any($1)
     union select 'job', job_id from instance where id = any($1) and job_id is not null
     union select 'work', m.id from maintenance m where m.state <> 'ended'`,
    [ids],
  );
  const sets = { host, job, volume, network, work };
  for (const { kind, id } of rows) sets[kind].add(id);
}
