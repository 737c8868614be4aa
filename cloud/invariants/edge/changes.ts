/**
 * What to look at: what has changed since the last look, what should have changed, and the next few of all.
 *
 * What changed is what the journal tells of. Rows of it come by their numbers, but not in that order: a
 * transaction that began early may commit late. So numbers that are missing are asked for again, for a while. What
 * changes without a row in the journal, and should not have, is found by walking through everything, a few of each
 * kind at a time.
 */
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type Kind, kinds } from "../core/model.ts";

export interface Cursor {
  /** The last row of the journal that has been seen; undefined: none yet. */
  readonly seq: number | undefined;
  /** Numbers before that which were not there, and for how many more looks they are asked for. */
  readonly missing: ReadonlyMap<number, number>;
  /** Where the walk through each kind is; undefined: it begins anew. */
  readonly at: { readonly [K in Kind]?: string | undefined };
}

export const startOfAll = (): Cursor => ({ seq: undefined, missing: new Map(), at: {} });

export interface Reach {
  /** Of each kind at each look; as many as there are if it is Infinity. */
  readonly walk: number;
  /** Subjects of one kind that the journal names. More than these are left to the walk. */
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
/** A transaction that writes in the journal takes milliseconds; at a look a second this is more than any. */
const patience = 30;

export interface Changes {
  readonly subjects: Subjects;
  /** How many of each kind the walk has come by. */
  readonly walked: Readonly<Record<Kind, number>>;
  /** Kinds of which the walk has come to the end with this. */
  readonly rounds: readonly Kind[];
  /** Where to go on from. */
  readonly next: Cursor;
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
    readOverdue(sql, lateBefore, most),
  ]);
  add(subjects.instance, overdue, most);
  for (const { kind, subject, job } of told.rows) {
    if (isTold(kind)) add(subjects[kind], [subject], most);
    if (job) add(subjects.job, [job], most);
  }
  await addRelatives(sql, subjects);
  for (const [index, kind] of kinds.entries())
    for (const id of walked[index] ?? []) subjects[kind].add(id);
  const ends = kinds.map((kind, index) => {
    const ids = walked[index] ?? [];
    return [kind, ids.length < walk ? undefined : ids.at(-1)] as const;
  });
  const counts = kinds.map((kind, index) => [kind, walked[index]?.length ?? 0]);
  return {
    subjects,
    walked: Object.fromEntries(counts) as Changes["walked"], // One for each kind.
    rounds: ends.flatMap(([kind, end]) => (end === undefined ? kind : [])),
    next: { seq: told.seq, missing: told.missing, at: Object.fromEntries(ends) },
  };
}

const isTold = (kind: string): kind is "instance" | "host" | "volume" | "network" =>
  kind === "instance" || kind === "host" || kind === "volume" || kind === "network";

function add(to: Set<string>, ids: readonly string[], most: number): void {
  for (const id of ids) if (to.size < most) to.add(id);
}

interface Told {
  readonly seq: number;
  readonly kind: string;
  readonly subject: string;
  readonly job: string | null;
}

async function readTold(
  sql: Sql,
  { seq, missing }: Cursor,
): Promise<Pick<Cursor, "seq" | "missing"> & { readonly rows: readonly Told[] }> {
  if (seq === undefined) {
    const [row] = await sql.query<{ last: number | null }>(
      "select max(seq) as last from journal",
      [],
    );
    return { rows: [], seq: row?.last ?? 0, missing: new Map() };
  }
  const rows = await sql.query<Told>(
    `select seq, kind, subject, job_id as job from journal where seq > $1 or seq = any($2::bigint[])
     order by seq limit ${mostRows}`,
    [seq, [...missing.keys()]],
  );
  // Too much to follow: the next look goes on from the end.
  if (rows.length === mostRows) return { rows, seq: undefined, missing: new Map() };
  const found = new Set(rows.map((row) => row.seq));
  const left = [...missing].filter(([one, looks]) => looks > 1 && !found.has(one));
  const last = Math.max(seq, rows.at(-1)?.seq ?? 0);
  const fresh: [number, number][] = [];
  for (let one = seq + 1; one < last && fresh.length < mostRows; one++)
    if (!found.has(one)) fresh.push([one, patience]);
  const still = left.map(([one, looks]): [number, number] => [one, looks - 1]);
  return { rows, seq: last, missing: new Map([...still, ...fresh]) };
}

async function readOverdue(
  sql: Sql,
  lateBefore: Instant,
  most: number,
): Promise<readonly string[]> {
  const rows = await sql.query<{ id: string }>(
    "select id from instance where look_at < $1 order by look_at limit $2",
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
