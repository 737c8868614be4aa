/** The answers to ../api.ts: the newest first, page by page. */
import { changesOf } from "@holdfast/cloud/journal/edge";
import type { ProjectId } from "@holdfast/kernel/ids";
import { handle } from "@holdfast/kernel/route";
import { type Instant, iso } from "@holdfast/kernel/time";
import { cursorOf } from "@holdfast/store/cursor";
import type { Database, Sql } from "@holdfast/store/database";
import * as api from "../api.ts";

export function auditRoutes(database: Database) {
  return {
    readAudit: handle(api.readAudit, ({ query }) => page(database, undefined, query)),
    readProjectAudit: handle(api.readProjectAudit, ({ params, query }) =>
      page(database, params.project, query),
    ),
  };
}

type Row = Omit<api.AuditView, "changes">;

async function page(sql: Sql, project: ProjectId | undefined, asked: api.AuditQuery) {
  const cursor = cursorOf(`audit ${project ?? "of all"}`, isSeq);
  const before = asked.after === undefined ? undefined : cursor.read(asked.after);
  const rows = await sql.query<Row>(
    `select a.seq, a.at, a.request_id as "requestId", a.api, a.method, a.route, a.path, a.decision, a.status,
       a.code, a.actor, a.credential, a.source, p.name as project, a.milliseconds, a.count
     from audit a left join project p on p.id = a.project_id
     where ($1::uuid is null or a.project_id = $1) and ($2::bigint is null or a.seq < $2)
       and ($3::text is null or a.actor = $3) and ($4::text is null or a.credential = $4)
       and ($5::text is null or a.source = $5) and ($6::text is null or a.request_id = $6)
       and ($7::text is null or position($7 in a.route) > 0) and ($8::text is null or a.decision = $8)
       and (not $9 or a.method <> 'GET')
       and ($10::timestamptz is null or a.at >= $10) and ($11::timestamptz is null or a.at < $11)
     order by a.seq desc limit $12`,
    [
      ...[project ?? null, before ?? null, asked.actor ?? null, asked.credential ?? null],
      ...[asked.source ?? null, asked.request ?? null, asked.route ?? null],
      ...[asked.decision ?? null, asked.onlyChanges],
      ...[momentOf(asked.since), momentOf(asked.until), asked.limit],
    ],
  );
  const changes = asked.changes ? await changesOf(sql, rows, project) : new Map<number, never[]>();
  const last = rows.length === asked.limit ? rows.at(-1) : undefined;
  return {
    entries: rows.map((row) => ({ ...row, changes: [...(changes.get(row.seq) ?? [])] })),
    next: last ? cursor.write(last.seq) : null,
  };
}

const momentOf = (at: number | undefined) => (at === undefined ? null : iso(at as Instant)); // Milliseconds of UTC.

const isSeq = (value: unknown): value is number => Number.isSafeInteger(value);

/** What is older than this many days. PostgreSQL itself refuses to forget the last day. */
export async function forgetAudit(sql: Sql, days: number, now: Instant): Promise<void> {
  const before = new Date(now - days * 86_400_000);
  await sql.query("select forget_audit($1)", [before]);
}
