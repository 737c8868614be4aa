/**
 * The one who writes the audit log.
 *
 * Lines are written together, as many as there are while the batch before is on its way. A request that changes
 * something waits for its line before it is answered; one that reads does not. Nobody waits for a database that is
 * away: what cannot be written is kept and tried again, and what there is no room to keep is counted. (What such a
 * request has changed says who in the journal, in the transaction that changed it.) Why so: docs/decisions/0032.
 */
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { type Counted, crowd } from "../core/crowd.ts";
import { type AuditEntry, decisionOf } from "../core/entry.ts";

export interface AuditLog {
  /** Resolves when it is written, or when it turns out that it cannot be now. Never rejects. */
  record(entry: AuditEntry): Promise<void>;
  /** Tells what was only counted so far, and which keys were used. Call it once a minute. */
  sum(): void;
  /** Writes what is left. */
  close(): Promise<void>;
}

export interface AuditDeps {
  readonly database: Database;
  readonly now: () => Instant;
  readonly onError: (error: unknown) => void;
}

/** Lines in one statement. */
const mostAtOnce = 1_000;
/** Lines that are kept for a database that is away. */
const mostKept = 20_000;
const pause = 1_000;

interface Line extends Counted {
  readonly written: () => void;
}

export function auditLog({ database, now, onError }: AuditDeps): AuditLog {
  let lines: Line[] = [];
  let lost = 0;
  let isOpen = true;
  let writing: Promise<void> | undefined;
  const nobody = crowd();
  const uses = new Map<string, Use>();

  return {
    record(entry) {
      if (!entry.who) {
        for (const counted of nobody.hear(entry)) keep(counted, () => {});
        return Promise.resolve();
      }
      if (entry.who.by.kind === "key") uses.set(entry.who.by.id, entry);
      return new Promise((resolve) => keep({ entry, count: 1 }, resolve));
    },
    sum() {
      for (const counted of nobody.end()) keep(counted, () => {});
      void noteUses().catch(onError);
    },
    async close() {
      isOpen = false;
      for (const counted of nobody.end()) keep(counted, () => {});
      await writing;
      await noteUses().catch(onError);
    },
  };

  function keep(counted: Counted, written: () => void): void {
    if (lines.length >= mostKept) {
      lost++;
      written();
      return;
    }
    lines.push({ ...counted, written });
    writing ??= write().finally(() => {
      writing = undefined;
    });
  }

  async function write(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve)); // Whoever is answered at this moment comes along.
    while (lines.length > 0) {
      const batch = lines.slice(0, mostAtOnce);
      try {
        await insert(database, lost > 0 ? [...batch, lossOf(lost, batch)] : batch);
        lost = 0;
        lines = lines.slice(batch.length);
        for (const { written } of batch) written();
      } catch (error) {
        onError(error);
        for (const { written } of batch) written();
        if (!isOpen) return;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  /** Once in a while and for all keys together: a write for each request would cost more than the request. */
  async function noteUses(): Promise<void> {
    const used = [...uses];
    uses.clear();
    if (used.length === 0) return;
    await database.query(
      `update access_key k set last_used_at = u.at, last_used_from = u.source
       from unnest($1::text[], $2::timestamptz[], $3::text[]) as u (id, at, source) where k.id = u.id`,
      [
        used.map(([id]) => id),
        used.map(([, { at }]) => new Date(at)),
        used.map(([, { source }]) => source),
      ],
    );
  }

  function lossOf(count: number, [first]: readonly Line[]): Counted {
    const entry: AuditEntry = {
      ...{ at: now(), requestId: first?.entry.requestId ?? "", api: "native", method: "*" },
      ...{ route: "*", path: "*", status: 503, code: "audit_lines_lost", who: undefined },
      ...{ source: "many", project: undefined, milliseconds: 0 },
    };
    return { entry, count };
  }
}

type Use = Pick<AuditEntry, "at" | "source">;

async function insert(sql: Sql, lines: readonly Counted[]): Promise<void> {
  const rows = lines.map(({ entry, count }) => ({
    at: iso(entry.at),
    request_id: entry.requestId,
    ...{ api: entry.api, method: entry.method, route: entry.route, path: shortened(entry.path) },
    ...{ decision: decisionOf(entry), status: entry.status, code: entry.code ?? null },
    account_id: entry.who?.account ?? null,
    actor: entry.who?.name ?? null,
    credential: entry.who?.by.id ?? null,
    ...{ source: entry.source, project_id: entry.project ?? null, count },
    milliseconds: entry.milliseconds,
  }));
  await sql.query(
    `insert into audit (at, request_id, api, method, route, path, decision, status, code, account_id, actor,
       credential, source, project_id, milliseconds, count)
     select at, request_id, api, method, route, path, decision, status, code, account_id, actor,
       credential, source, project_id, milliseconds, count
     from json_populate_recordset(null::audit, $1::json)`,
    [JSON.stringify(rows)],
  );
}

/** A path is the client's, and may hold what no database can. */
const shortened = (path: string) => path.replaceAll("\0", "").slice(0, 300);
