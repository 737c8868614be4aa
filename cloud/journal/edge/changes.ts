/**
 * What requests have changed, by their ids.
 *
 * There is no index by request: every row of the journal would pay for one, and deploys write most of them. Rows are
 * found by the time at which they must have been written, and what somebody else's request of the same id did at the
 * same time in another project is not shown.
 */
import type { ProjectId } from "@holdfast/kernel/ids";
import { type Duration, type Instant, iso, seconds, since } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { isOfProject } from "./stream.ts";

/** A request that was answered at that time, after so long. */
export interface Answered {
  readonly seq: number;
  readonly at: number;
  readonly requestId: string;
  readonly milliseconds: number;
}

export interface Change {
  readonly at: number;
  readonly kind: string;
  readonly subject: string;
  readonly event: string;
  readonly from: string | null;
  readonly to: string | null;
}

/** What a job does later is told by its own timeline; a request is asked about for so long after its answer. */
const afterwards = seconds(60);
const most = 2_000;

/** By `seq` of the request. */
export async function changesOf(
  sql: Sql,
  requests: readonly Answered[],
  project: ProjectId | undefined,
): Promise<ReadonlyMap<number, readonly Change[]>> {
  if (requests.length === 0) return new Map();
  const begins = requests.map(({ at, milliseconds }) =>
    since((milliseconds + 1_000) as Instant, at as Instant),
  );
  const ends = requests.map(({ at }) => at + afterwards);
  const moment = (at: number | Duration) => iso(at as Instant); // Milliseconds of UTC.
  const rows = await sql.query<Change & { readonly request: number }>(
    `select u.seq as request, j.at, j.kind, j.subject, j.event, j.from_state as "from", j.to_state as "to"
     from unnest($1::bigint[], $2::text[], $3::timestamptz[], $5::timestamptz[]) as u (seq, id, since, until)
     join journal j on j.request_id = u.id and j.at between u.since and u.until
     where j.at between $6 and $7 and ($4::uuid is null or ${isOfProject})
     order by j.seq limit $8`,
    [
      ...[requests.map(({ seq }) => seq), requests.map(({ requestId }) => requestId)],
      ...[begins.map(moment), project ?? null, ends.map(moment)],
      ...[moment(Math.min(...begins)), moment(Math.max(...ends)), most],
    ],
  );
  const changes = new Map<number, Change[]>();
  for (const { request, ...change } of rows)
    changes.set(request, [...(changes.get(request) ?? []), change]);
  return changes;
}
