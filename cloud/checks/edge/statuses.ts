/**
 * Status checks as rows: what is remembered of each instance, and what is to be shown of it now.
 *
 * Silence and stillness are worked out when somebody looks and are stored nowhere: a fact that nobody
 * sends cannot be written down in time, and whatever is stored would have to be swept up after.
 */
import type { HostState } from "@holdfast/cloud/hosts";
import type { InstanceState } from "@holdfast/cloud/instances";
import type { HostId, InstanceId, ProjectId } from "@holdfast/kernel/ids";
import { type Instant, since } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, readPage } from "@holdfast/store/pages";
import { present } from "../core/advance.ts";
import type { Checks, Limits, Subject, Summary } from "../core/model.ts";

/** An instance with everything that its checks rest on. */
export interface Watched {
  readonly id: InstanceId;
  readonly project: ProjectId;
  readonly projectName: string;
  readonly generation: number;
  readonly host: HostId | undefined;
  readonly hostEpoch: number | undefined;
  readonly pool: string;
  readonly subject: Subject;
  /** Of its present launch; undefined before the first look at that. */
  readonly known: Checks | undefined;
  /** When its host was last looked at. */
  readonly observedAt: Instant | undefined;
}

export interface Status extends Watched {
  readonly summary: Summary;
  readonly checks: Checks;
}

interface Row {
  readonly id: InstanceId;
  readonly project: ProjectId;
  readonly projectName: string;
  readonly name: string;
  readonly state: InstanceState;
  readonly generation: number;
  readonly saysReady: boolean;
  readonly bootSeconds: number | null;
  readonly pool: string;
  readonly host: HostId | null;
  readonly hostName: string | null;
  readonly hostState: HostState | null;
  readonly hostEpoch: number | null;
  readonly heardAt: Instant | null;
  readonly checkedAt: Instant | null;
  readonly known: Checks | null;
}

const columns = `i.id, i.project_id as project, p.name as "projectName", i.name, i.state, i.generation,
  coalesce((m.manifest->>'saysReady')::boolean, false) and not i.start_paused as "saysReady",
  (m.manifest->>'bootSeconds')::int as "bootSeconds", v.pool,
  h.id as host, h.name as "hostName", h.state as "hostState", h.epoch as "hostEpoch",
  l.renewed_at as "heardAt", k.at as "checkedAt",
  case when c.generation = i.generation
    then jsonb_build_object('system', c.system, 'instance', c.instance, 'volume', c.volume) end as known`;
const sources = `instance i
  join project p on p.id = i.project_id
  join image m on m.id = i.image_id
  join volume v on v.id = i.volume_id
  left join host h on h.id = i.home
  left join host_lease l on l.host_id = i.home
  left join host_checkup k on k.host_id = i.home
  left join instance_check c on c.instance_id = i.id`;

const isSuspicious = `i.id in (select instance_id from instance_check where is_failing
  union all select g.id from host s join instance g on g.home = s.id where s.state <> 'up')`;

/** Which instances to load; what is left out does not matter. Expunged ones never are. */
export interface Which {
  readonly ids?: readonly string[] | undefined;
  readonly hosts?: readonly HostId[] | undefined;
  readonly projects?: readonly ProjectId[] | undefined;
  readonly name?: string | undefined;
  /** Only those that may look bad: a failing check, or a host that is not up. */
  readonly onlySuspicious?: boolean | undefined;
  /** Only those that a host may be running. */
  readonly onlyHomed?: boolean | undefined;
}

export async function loadWatched(
  sql: Sql,
  which: Which,
  now: Instant,
): Promise<readonly Watched[]> {
  // Only what is asked for is in the text: with `or` and null PostgreSQL would read every instance.
  const values: unknown[] = [];
  const where = (condition: string, value: unknown) =>
    value === undefined ? [] : [condition.replace("?", `$${values.push(value)}`)];
  const conditions = [
    "not i.is_expunged",
    ...where("i.id = any(?::uuid[])", which.ids),
    ...where("i.home = any(?::uuid[])", which.hosts),
    ...where("i.project_id = any(?::uuid[])", which.projects),
    ...where("i.name = ?::text", which.name),
    ...(which.onlySuspicious ? [isSuspicious] : []),
    ...(which.onlyHomed ? ["i.home is not null"] : []),
  ];
  const rows = await sql.query<Row>(
    `select ${columns} from ${sources} where ${conditions.join(" and ")} order by i.id`,
    values,
  );
  return rows.map((row) => watchedOf(row, now));
}

export async function loadStatuses(
  sql: Sql,
  which: Which,
  limits: Limits,
  now: Instant,
): Promise<readonly Status[]> {
  return (await loadWatched(sql, which, now)).map((watched) => ({
    ...watched,
    ...present(watched.subject, watched.known, limits, now),
  }));
}

/**
 * Of instances that a host may be running, oldest first. Which summary one has is known once it has been looked at: those
 * of a page that have another are left out of it. Rejects with `cursor_not_valid`.
 */
export async function pageOfStatuses(
  sql: Sql,
  project: ProjectId,
  page: AskedPage & { readonly summary?: Summary | undefined },
  limits: Limits,
  now: Instant,
): Promise<{ readonly statuses: readonly Status[]; readonly next: string | null }> {
  const { summary } = page;
  const { items, next } = await readPage<{ readonly id: string }>(
    sql,
    {
      name: `statuses ${project} ${summary ?? "of all"}`,
      from: "instance i",
      where: [
        ["i.project_id = ?", project],
        ["not i.is_expunged"],
        ["i.home is not null"],
        [summary === "impaired" ? isSuspicious : "true"],
      ],
      show: (found) => `select i.id from ${found}`,
    },
    page,
  );
  const statuses = await loadStatuses(sql, { ids: items.map(({ id }) => id) }, limits, now);
  return {
    statuses: statuses.filter((one) => summary === undefined || one.summary === summary),
    next,
  };
}

function watchedOf(row: Row, now: Instant): Watched {
  const { host, hostName, hostState, heardAt, checkedAt } = row;
  const away = (at: Instant | null) => (at === null ? undefined : since(at, now));
  return {
    id: row.id,
    project: row.project,
    projectName: row.projectName,
    generation: row.generation,
    host: host ?? undefined,
    hostEpoch: row.hostEpoch ?? undefined,
    pool: row.pool,
    subject: {
      name: row.name,
      state: row.state,
      image: { saysReady: row.saysReady, bootSeconds: row.bootSeconds },
      host:
        hostName && hostState
          ? {
              name: hostName,
              state: hostState,
              unheardFor: away(heardAt),
              uncheckedFor: away(checkedAt),
            }
          : undefined,
    },
    known: row.known ?? undefined, // What JSON left out reads as undefined.
    observedAt: checkedAt ?? undefined,
  };
}

export interface NewChecks {
  readonly instance: InstanceId;
  readonly generation: number;
  readonly checks: Checks;
}

/** One statement for all of them. An older launch never overwrites a younger one. */
export async function saveChecks(sql: Sql, rows: readonly NewChecks[]): Promise<void> {
  await insertChecks(sql, rows, "<=");
}

/** The same of launches of which nothing is recorded. Resolves with those of which nothing was until now. */
export const saveFirstChecks = (sql: Sql, rows: readonly NewChecks[]) =>
  insertChecks(sql, rows, "<");

/** `over`: how the launch that is recorded compares with one that may take its place. */
async function insertChecks(
  sql: Sql,
  rows: readonly NewChecks[],
  over: "<" | "<=",
): Promise<ReadonlySet<InstanceId>> {
  if (rows.length === 0) return new Set();
  const written = await sql.query<{ id: InstanceId }>(
    `insert into instance_check (instance_id, generation, system, instance, volume, is_failing)
     select * from json_to_recordset($1::json) as r
       (instance_id uuid, generation int, system jsonb, instance jsonb, volume jsonb, is_failing bool)
     order by instance_id
     on conflict (instance_id) do update set generation = excluded.generation, system = excluded.system,
       instance = excluded.instance, volume = excluded.volume, is_failing = excluded.is_failing
     where instance_check.generation ${over} excluded.generation
     returning instance_id as id`,
    [
      JSON.stringify(
        rows.map(({ instance, generation, checks }) => ({
          instance_id: instance,
          generation,
          ...checks,
          is_failing: Object.values(checks).some(({ failures }) => failures > 0),
        })),
      ),
    ],
  );
  return new Set(written.map(({ id }) => id));
}

export async function saveCheckups(sql: Sql, hosts: readonly HostId[], at: Instant): Promise<void> {
  await sql.query(
    `insert into host_checkup (host_id, at) select host, $2 from unnest($1::uuid[]) host order by host
     on conflict (host_id) do update set at = excluded.at`,
    [hosts, new Date(at)],
  );
}
