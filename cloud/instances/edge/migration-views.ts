/** Moves as the API shows them. */
import type { MigrationReport } from "@holdfast/cloud/hosts";
import type { MigrationId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, readPage } from "@holdfast/store/pages";
import type { MigrationTerms } from "../core/model.ts";
import type { MigrationView } from "../migration-api.ts";

interface ViewRow
  extends Omit<
    MigrationView,
    "bandwidthMbps" | "network" | "allowPostcopy" | "progress" | "totalMs"
  > {
  readonly terms: MigrationTerms;
  readonly progress: (MigrationReport["facts"] & { readonly says?: string }) | null;
  readonly progressAt: Instant | null;
}

const bitsPerByte = 8;
const million = 1_000_000;
export const bytesFromMbps = (mbps: number) => (mbps * million) / bitsPerByte;

const columns = `g.id, i.name as instance, i.id as "instanceId", g.state, f.name as "from", t.name as "to",
  g.to_generation as generation, g.abort is not null as "isAbortWanted", g.why, g.actor, g.job_id as job,
  g.says, g.problem, g.downtime_ms as "downtimeMs", g.started_at as "startedAt", g.ended_at as "endedAt",
  g.terms, g.progress, g.progress_at as "progressAt"`;
const sources = (from = "migration g") => `${from} join instance i on i.id = g.instance_id
  join host f on f.id = g.from_host join host t on t.id = g.to_host`;

export interface Page extends AskedPage {
  readonly instance?: string | undefined;
  readonly state?: MigrationView["state"] | undefined;
}

/** Newest first. Rejects with `cursor_not_valid`. */ export async function pageOfMigrations(
  sql: Sql,
  project: ProjectId,
  page: Page,
): Promise<{ migrations: MigrationView[]; next: string | null }> {
  const { items, next } = await readPage<ViewRow>(
    sql,
    {
      name: `migrations ${project}`,
      from: "migration g join instance i on i.id = g.instance_id",
      where: [
        ["i.project_id = ?", project],
        ["(i.name = ? or i.id = as_uuid(?))", page.instance],
        ["g.state = ?", page.state],
      ],
      newestFirst: true,
      show: (found) => `select ${columns} from ${sources(found)}`,
    },
    page,
  );
  return { migrations: items.map(shown), next };
}

/** Rejects with `migration_not_found`. */
export async function findMigration(
  sql: Sql,
  project: ProjectId,
  id: MigrationId,
): Promise<MigrationView> {
  const [row] = await sql.query<ViewRow>(
    `select ${columns} from ${sources()} where i.project_id = $1 and g.id = $2`,
    [project, id],
  );
  if (row) return shown(row);
  throw problem("not_found", "migration_not_found", `There is no migration ${id}.`, {
    fix: "See them: holdfast migrations",
  });
}

function shown({ terms, progress, progressAt, ...row }: ViewRow): MigrationView {
  const { bytesPerSecond, network, mayPostcopy } = terms;
  return {
    ...row,
    bandwidthMbps: bytesPerSecond === undefined ? null : (bytesPerSecond * bitsPerByte) / million,
    network: network ?? null,
    allowPostcopy: mayPostcopy,
    progress: progress && progressAt !== null ? progressOf(progress, progressAt) : null,
    totalMs: row.endedAt === null ? null : row.endedAt - row.startedAt,
  };
}

function progressOf(
  facts: NonNullable<ViewRow["progress"]>,
  at: Instant,
): NonNullable<MigrationView["progress"]> {
  const { status, elapsed, says } = facts;
  const { remainingBytes, totalBytes, disksRemainingBytes } = facts;
  const { bytesPerSecond, dirtyBytesPerSecond, isThrottled } = facts;
  const gain = bytesPerSecond - dirtyBytesPerSecond;
  const left = remainingBytes + disksRemainingBytes;
  return {
    ...{ at, status, elapsedMs: elapsed, remainingBytes, totalBytes, disksRemainingBytes },
    ...{ bytesPerSecond, dirtyBytesPerSecond, isThrottled },
    timeLeftMs: left === 0 ? 0 : gain > 0 ? Math.round((left / gain) * 1_000) : null,
    says: says ?? null,
  };
}
