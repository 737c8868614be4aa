/**
 * The journal: what happened, to whom, why, and who asked.
 *
 * Rows are written with the transaction that makes them true and never touched again. Whoever changes
 * a state without a row here has lied to the timeline, the audit log and the postmortem at once.
 */
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "./database.ts";

export interface JournalRow {
  readonly at: Instant;
  readonly kind:
    | "instance"
    | "host"
    | "job"
    | "image"
    | "setting"
    | "volume"
    | "access"
    | "alarm"
    | "network"
    | "window"
    | "key";
  readonly subject: string;
  readonly event: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly generation?: number | undefined;
  /** A user's name, or `holdfast` for the platform itself. */
  readonly actor: string;
  readonly requestId?: string | undefined;
  readonly job?: string | undefined;
  readonly detail?: unknown;
}

/** A row that has been written, with its place in the order of all. */
export interface JournalEntry extends JournalRow {
  readonly seq: number;
}

export async function appendJournal(sql: Sql, rows: readonly JournalRow[]): Promise<void> {
  if (rows.length === 0) return;
  const texts = new Map<unknown, string>();
  /** Of what is the same thing for many rows, made once. */
  const textOf = (detail: unknown): string => {
    const text = texts.get(detail) ?? JSON.stringify(detail);
    texts.set(detail, text);
    return text;
  };
  await sql.query(
    `insert into journal (at, kind, subject, event, from_state, to_state, generation, actor, request_id, job_id, detail)
     select * from unnest($1::timestamptz[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[],
       $7::int[], $8::text[], $9::text[], $10::uuid[], $11::jsonb[])`,
    [
      rows.map(({ at }) => iso(at)),
      rows.map(({ kind }) => kind),
      rows.map(({ subject }) => subject),
      rows.map(({ event }) => event),
      rows.map(({ from }) => from ?? null),
      rows.map(({ to }) => to ?? null),
      rows.map(({ generation }) => generation ?? null),
      rows.map(({ actor }) => actor),
      rows.map(({ requestId }) => requestId ?? null),
      rows.map(({ job }) => job ?? null),
      rows.map(({ detail }) => (detail === undefined ? null : textOf(detail))),
    ],
  );
}

/** The timeline of one subject, oldest first, from after `afterSeq`. */
export function readJournal(
  sql: Sql,
  subject: string,
  afterSeq = 0,
  limit = 500,
): Promise<readonly JournalEntry[]> {
  return sql.query<JournalEntry>(
    `select seq, at, kind, subject, event, from_state as "from", to_state as "to", generation, actor,
       request_id as "requestId", job_id as "job", detail
     from journal where subject = $1 and seq > $2 order by seq limit $3`,
    [subject, afterSeq, limit],
  );
}
