/** Certificates as they are read: by instance, over the fleet, and inside the guest that is back. */
import type { InstanceId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import { isUuid } from "@holdfast/store/cursor";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, readPage } from "@holdfast/store/pages";
import type { DeathView } from "../api.ts";
import type { DeathCertificate } from "../core/certificate.ts";
import { deeds, type Launch, type Step } from "../core/did.ts";
import type { Evidence } from "../core/evidence.ts";

/** The instance that is asked about. */
export interface Subject {
  readonly id: InstanceId;
  readonly name: string;
  readonly state: string;
  readonly desired: string;
  readonly generation: number;
}

interface DeathRow {
  readonly name: string;
  readonly project: string;
  readonly recordedAt: Instant;
  readonly certificate: DeathCertificate;
  readonly fence: Evidence["fence"] | null;
  readonly amendedAt: Instant | null;
  readonly firstCause: string | null;
  readonly at: Instant;
}

/** A certificate, or what it rests on, of the row `d` as text of an SQL expression, with whom it is about. */
export function wholeOf(column: "certificate" | "evidence"): string {
  return `d.${column} || jsonb_build_object('instance', d.instance_id, 'generation', d.generation)`;
}

const columns = `i.name, p.name as project, d.recorded_at as "recordedAt", ${wholeOf("certificate")} as certificate,
  d.evidence->'fence' as fence, d.amended_at as "amendedAt", d.first_cause as "firstCause", d.at`;
const sources = (from = "death d") =>
  `${from} join instance i on i.id = d.instance_id join project p on p.id = i.project_id`;

/** By id, or by the name of one that is not expunged. Rejects with `instance_not_found`. */
export async function findSubject(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<Subject> {
  const [row] = await sql.query<Subject>(
    `select id, name, state, desired, generation from instance
     where project_id = $1 and ((name = $2 and not is_expunged) or id = as_uuid($2))`,
    [project, nameOrId],
  );
  if (row) return row;
  throw problem("not_found", "instance_not_found", `There is no instance ${nameOrId}.`, {
    fix: "See them: holdfast list",
  });
}

/** The last one, or that of one generation. */
export async function findDeath(
  sql: Sql,
  instance: InstanceId,
  generation?: number,
): Promise<DeathView | undefined> {
  const rows = await sql.query<DeathRow>(
    `select ${columns} from ${sources()}
     where d.instance_id = $1 and ($2::int is null or d.generation = $2)
     order by d.generation desc limit 1`,
    [instance, generation ?? null],
  );
  return (await withDeeds(sql, rows))[0];
}

interface DeathPage {
  readonly deaths: DeathView[];
  readonly next: string | null;
}

/** Youngest first. Rejects with `cursor_not_valid`. */
export async function pageOfDeaths(
  sql: Sql,
  instance: InstanceId,
  page: AskedPage,
): Promise<DeathPage> {
  const { items, next } = await readPage<DeathRow>(
    sql,
    {
      name: `deaths ${instance}`,
      from: "death d",
      where: [["d.instance_id = ?", instance]],
      by: {
        columns: ["d.generation"],
        keyOf: ({ certificate }) => [certificate.generation],
        isKey: ([generation]) => isGeneration(generation),
      },
      newestFirst: true,
      show: (found) => `select ${columns} from ${sources(found)}`,
    },
    page,
  );
  return { deaths: await withDeeds(sql, items), next };
}

/** Of all instances. Rejects with `cursor_not_valid`. */
export async function pageOfFleetDeaths(
  sql: Sql,
  page: AskedPage & { readonly cause?: string | undefined; readonly since?: number | undefined },
): Promise<DeathPage> {
  const { cause, since } = page;
  const { items, next } = await readPage<DeathRow>(
    sql,
    {
      name: "deaths of all",
      from: "death d",
      where: [
        ["d.cause = ?", cause],
        ["d.at >= ?", since === undefined ? undefined : iso(since as Instant)], // A moment, as the route has checked.
      ],
      by: {
        columns: ["d.at", "d.instance_id", "d.generation"],
        keyOf: ({ at, certificate }) => [iso(at), certificate.instance, certificate.generation],
        isKey: ([at, instance, generation]) =>
          typeof at === "string" &&
          !Number.isNaN(Date.parse(at)) &&
          isUuid(instance) &&
          isGeneration(generation),
      },
      newestFirst: true,
      show: (found) => `select ${columns} from ${sources(found)}`,
    },
    page,
  );
  return { deaths: await withDeeds(sql, items), next };
}

const isGeneration = (value: unknown) =>
  Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 31;

async function withDeeds(sql: Sql, rows: readonly DeathRow[]): Promise<DeathView[]> {
  if (rows.length === 0) return [];
  const ids = [...new Set(rows.map(({ certificate }) => certificate.instance))];
  const first = Math.min(...rows.map(({ certificate }) => certificate.generation));
  const [steps, launches] = await Promise.all([
    sql.query<Step & { readonly subject: InstanceId }>(
      `select subject, at, event, actor, generation, detail as cause from journal
       where subject = any($1) and generation >= $2 order by seq`,
      [ids, first],
    ),
    sql.query<Launch & { readonly instance: InstanceId }>(
      `select c.instance_id as instance, c.generation, h.name as host, c.asked_at as "askedAt",
         c.running_at as "runningAt", c.up_at as "upAt"
       from incarnation c join host h on h.id = c.host_id
       where c.instance_id = any($1) and c.generation > $2 order by c.generation`,
      [ids, first],
    ),
  ]);
  return rows.map((row) => {
    const { instance } = row.certificate;
    return viewOf(
      row,
      steps.filter(({ subject }) => subject === instance),
      launches.filter((one) => one.instance === instance),
    );
  });
}

function viewOf(row: DeathRow, steps: readonly Step[], launches: readonly Launch[]): DeathView {
  const { certificate, fence, name, project, recordedAt, amendedAt, firstCause } = row;
  return {
    ...certificate,
    name,
    project,
    recordedAt,
    next: certificate.next.replaceAll("INSTANCE", name),
    evidence: [...certificate.evidence],
    sought: [...certificate.sought],
    console: [...certificate.console],
    fence: fence
      ? {
          certificate: fence.id,
          proof: fence.proof,
          silentSince: fence.silentSince,
          provenAt: fence.provenAt,
        }
      : null,
    amended: amendedAt === null ? null : { at: amendedAt, was: firstCause ?? certificate.cause },
    did: [...deeds(certificate, steps, launches)],
  };
}

/** The last command that could end an instance, if there was one. */
export async function lastOrder(
  sql: Sql,
  instance: InstanceId,
  generation?: number,
): Promise<{ verb: string; actor: string; at: Instant; requestId: string | null } | undefined> {
  const [row] = await sql.query<{
    verb: string;
    actor: string;
    at: Instant;
    requestId: string | null;
  }>(
    `select substr(event, 9) as verb, actor, at, request_id as "requestId" from journal
     where subject = $1 and event in ('command-stop', 'command-destroy', 'command-relaunch')
       and ($2::int is null or generation = $2)
     order by seq desc limit 1`,
    [instance, generation ?? null],
  );
  return row;
}

/** How a generation ended, from the journal, where there is no certificate. */
export async function endWithoutDeath(
  sql: Sql,
  instance: InstanceId,
  generation: number,
): Promise<Instant | undefined> {
  const [row] = await sql.query<{ at: Instant }>(
    `select at from journal where subject = $1 and generation = $2 and event in
       ('exitObserved', 'exitObservedForDestroy', 'neverLaunched') order by seq limit 1`,
    [instance, generation],
  );
  return row?.at;
}

/** For the guest itself, as text of an SQL expression: the short of the last certificate of `instanceId`. */
export const lastDeathOf = (instanceId: string) =>
  `(select json_build_object('generation', d.generation, 'at', d.certificate->'at', 'cause', d.cause,
     'layer', d.layer, 'confidence', d.confidence, 'says', d.certificate->'says')::text
   from death d where d.instance_id = ${instanceId} order by d.generation desc limit 1)`;

/** The same of one that is just being written. */
export function briefOf(certificate: DeathCertificate): string {
  const { generation, at, cause, layer, confidence, says } = certificate;
  return JSON.stringify({ generation, at, cause, layer, confidence, says });
}

/** How many died of what, ever. For metrics. */
export function deathCounts(
  sql: Sql,
): Promise<readonly { readonly cause: string; readonly layer: string; readonly count: number }[]> {
  return sql.query(
    "select cause, layer, count(*) as count from death group by cause, layer order by cause, layer",
    [],
  );
}
