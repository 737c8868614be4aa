/**
 * The journal as a stream: what has happened since a place in it, each row once, in an order that has no gaps.
 *
 * Not the order of `seq`: that is given out when a row is written, and whoever has read 10 may still miss 9, whose
 * transaction ends later. Rows are in the order of their transactions, and only those are shown that are older than
 * every transaction under way, so nothing can come before what has been read. A transaction that takes long holds
 * the stream up for that long, and no other harm comes of it.
 */
import type { Sql } from "./database.ts";
import type { JournalEntry, JournalRow } from "./journal.ts";
import { shared } from "./reads.ts";

/** A place between two rows. Numbers of transactions are 64 bits wide, so they are text. */
export interface Place {
  readonly xact: string;
  readonly seq: number;
}

export interface TailRow extends JournalEntry, Place {}

/** Before everything. */
export const beginning: Place = { xact: "0", seq: 0 };

const isSettled = "j.xact < pg_snapshot_xmin(pg_current_snapshot())";

/** After everything that can be read now. */
export async function journalEnd(sql: Sql): Promise<Place> {
  const [row] = await sql.query<Place>(
    `select j.xact::text as xact, j.seq from journal j where ${isSettled} order by j.xact desc, j.seq desc limit 1`,
    [],
  );
  return row ?? beginning;
}

/** Who had something written about them, each once, whatever it was. */
export interface Subjects {
  /** The last row that was read; undefined if there was none. */
  readonly end: Place | undefined;
  readonly count: number;
  readonly by: Readonly<Partial<Record<JournalRow["kind"], readonly string[]>>>;
  /** The jobs that it was written for. */
  readonly jobs: readonly string[];
}

/** `besides`: events that are counted, and whom they are about is not told. */
export async function readSubjects(
  sql: Sql,
  after: Place,
  limit: number,
  besides: readonly string[] = [],
): Promise<Subjects> {
  const rows = await sql.query<{
    kind: JournalRow["kind"];
    count: number;
    subjects: string[] | null;
    jobs: string[] | null;
    xact: string;
    seq: number;
  }>(
    `with t as materialized (
       select j.xact, j.seq, j.kind, j.subject, j.event, j.job_id from journal j
       where (j.xact, j.seq) > ($1::text::xid8, $2::bigint) and ${isSettled} order by j.xact, j.seq limit $3),
     last as (select xact::text as xact, seq from t order by t.xact desc, t.seq desc limit 1)
     select t.kind, count(*)::int as count, json_agg(distinct t.subject) filter (where t.event <> all($4::text[])) as subjects,
       json_agg(distinct t.job_id) filter (where t.job_id is not null) as jobs, last.xact, last.seq
     from t, last group by t.kind, last.xact, last.seq`,
    [after.xact, after.seq, limit, besides],
  );
  const [first] = rows;
  return {
    end: first && { xact: first.xact, seq: first.seq },
    count: rows.reduce((sum, { count }) => sum + count, 0),
    by: Object.fromEntries(rows.map(({ kind, subjects }) => [kind, subjects ?? []])),
    jobs: rows.flatMap(({ jobs }) => jobs ?? []),
  };
}

export interface JournalWatch {
  /** Whether anything was written since the last look. Call it about once a second, and whenever there is news. */
  look(): Promise<void>;
}

export interface JournalWatchDeps {
  readonly database: Sql;
  /** Events that change nothing for whoever watches. */
  readonly besides: readonly string[];
  readonly onSubjects: (by: Subjects["by"]) => void;
  /** So much was written that who it was about is not worth knowing: it may be anybody. */
  readonly onFlood: () => void;
}

/** Rows that are taken in at once. */
const most = 20_000;

/** From now on. One look at a time; whoever asks meanwhile is given the next one. */
export async function watchJournal(deps: JournalWatchDeps): Promise<JournalWatch> {
  let place = await journalEnd(deps.database);
  const looking = shared(async () => {
    const { end, count, by } = await readSubjects(deps.database, place, most, deps.besides);
    if (count < most) {
      if (end) place = end;
      if (count > 0) deps.onSubjects(by);
      return;
    }
    place = await journalEnd(deps.database);
    deps.onFlood();
  });
  return { look: () => looking("") };
}

const columns = `j.xact::text as xact, j.seq, j.at, j.kind, j.subject, j.event, j.from_state as "from", j.to_state as "to",
  j.generation, j.actor, j.request_id as "requestId", j.job_id as "job", j.detail`;

/** A condition on the row `j`, with a value that is $4 in it; and how many rows may be read to find some. */
export interface Filter {
  readonly isShown: string;
  readonly value: unknown;
  readonly mostRead: number;
}

export interface FilteredRow extends TailRow {
  /** False only of the last row, where that is read but not shown. */
  readonly isShown: boolean;
  /** Whether nothing had been written after it. */
  readonly isLast: boolean;
}

/** The rows after a place, oldest first. */
export function readTail(sql: Sql, after: Place, limit: number): Promise<readonly TailRow[]>;
/** Of the rows after a place those that a filter shows, and with them the last that was read. */
export function readTail(
  sql: Sql,
  after: Place,
  limit: number,
  filter: Filter,
): Promise<readonly FilteredRow[]>;
export function readTail(sql: Sql, after: Place, limit: number, filter?: Filter) {
  const rows = `(j.xact, j.seq) > ($1::text::xid8, $2::bigint) and ${isSettled}`;
  const { xact, seq } = after;
  if (!filter)
    return sql.query<TailRow>(
      `select ${columns} from journal j where ${rows} order by j.xact, j.seq limit $3`,
      [xact, seq, limit],
    );
  const { isShown, value, mostRead } = filter;
  return sql.query<FilteredRow>(
    `with read as (
       select j.*, ${isShown} as shown from (select * from journal j where ${rows} order by j.xact, j.seq limit $5) j),
     page as (select * from read where shown order by xact, seq limit $3),
     -- A full page ends with its last row; any other with the last that was read.
     stop as (select xact, seq from (
       select xact, seq from read where (select count(*) from page) < $3
       union all select xact, seq from page where (select count(*) from page) = $3) e order by xact desc, seq desc limit 1)
     select ${columns}, j.shown as "isShown", (select count(*) from read) < $5 and (select count(*) from page) < $3 as "isLast"
     from read j where (j.xact, j.seq) in (select xact, seq from page union select xact, seq from stop)
     order by j.xact, j.seq`,
    [xact, seq, limit, value, mostRead],
  );
}
