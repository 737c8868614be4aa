/** Work on hosts, with everything that deciding about it needs: a handful of queries for each host. */
import type { HostMode } from "@holdfast/cloud/hosts";
import { guestsOf } from "@holdfast/cloud/instances/edge";
import { type PicturePlacer, picturePlacer } from "@holdfast/cloud/placement/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { after, type Duration, type Instant, seconds } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, readPage } from "@holdfast/store/pages";
import type { Lodger, Maintenance, Obstacle, Worksite } from "../core/advance.ts";
import type { MaintenanceState } from "../core/life.ts";
import type { MaintenancePolicy, Work } from "../core/maintenance.ts";
import type { EventCode } from "../core/model.ts";
import type { WeekRange } from "../core/windows.ts";
import type { Movers } from "./movers.ts";

export interface WorkRow {
  readonly id: string;
  readonly host: HostId;
  readonly hostName: string;
  readonly mode: HostMode;
  readonly work: Work;
  readonly state: MaintenanceState;
  readonly reason: string;
  readonly startsAt: Instant;
  readonly noticeSeconds: number;
  readonly deadline: Instant | null;
  readonly endsAt: Instant | null;
  readonly since: Instant;
  readonly obstacles: readonly Obstacle[];
  readonly createdAt: Instant;
  readonly createdBy: string;
}

const columns = `m.id, m.host_id as host, h.name as "hostName", h.mode, m.work, m.state, m.reason,
  m.starts_at as "startsAt", m.notice_seconds as "noticeSeconds", m.deadline, m.ends_at as "endsAt", m.since,
  m.obstacles, m.created_at as "createdAt", m.created_by as "createdBy"`;

/** Those that are not over: one of each host at most. */
export const readWork = (sql: Sql) =>
  sql.query<WorkRow>(
    `select ${columns} from maintenance m join host h on h.id = m.host_id where m.state <> 'ended' order by m.id`,
  );

/** Newest first. Rejects with `cursor_not_valid`. */
export const pageOfWork = (sql: Sql, page: AskedPage & { readonly all: boolean }) =>
  readPage<WorkRow>(
    sql,
    {
      name: `maintenance ${page.all}`,
      from: "maintenance m",
      where: [[page.all ? "true" : "m.state <> 'ended'"]],
      newestFirst: true,
      show: (found) => `select ${columns} from ${found} join host h on h.id = m.host_id`,
    },
    page,
  );

/** The one that is not over, of this host. */
export async function findWork(sql: Sql, host: HostId): Promise<WorkRow | undefined> {
  const [row] = await sql.query<WorkRow>(
    `select ${columns} from maintenance m join host h on h.id = m.host_id
     where m.state <> 'ended' and m.host_id = $1`,
    [host],
  );
  return row;
}

export const maintenanceOf = (row: WorkRow): Maintenance => ({
  ...{ work: row.work, state: row.state, startsAt: row.startsAt, obstacles: row.obstacles },
  notice: seconds(row.noticeSeconds),
  deadline: row.deadline ?? undefined,
  endsAt: row.endsAt ?? undefined,
});

/**
 * A placer of its own, which reads the fleet anew each time: it works within other transactions, and what it
 * reads there must not be taken for news by the one that places.
 */
export function rehearsals(
  options: Parameters<typeof picturePlacer>[0],
): Pick<PicturePlacer, "rehearse"> {
  const placer = picturePlacer(options);
  return {
    rehearse(...asked) {
      placer.distrust();
      return placer.rehearse(...asked);
    },
  };
}

export interface SiteDeps {
  readonly placer: Pick<PicturePlacer, "rehearse">;
  readonly movers: Movers;
}

/** One whose moves failed so often is stopped instead. */
const mostMoves = 3;
/** So long an order may go without a sign before it is given again. */
const movePatience: Duration = seconds(60);

interface LodgerRow {
  readonly id: InstanceId;
  readonly state: string;
  readonly desired: string;
  readonly pool: string;
  readonly policy: MaintenancePolicy;
  readonly event: { readonly code: EventCode; readonly hasBegun: boolean } | null;
  readonly window: readonly WeekRange[] | null;
  readonly attempts: number | null;
  readonly tried_at: Instant | null;
  readonly says: string | null;
}

/** `work.id`: undefined for what is not planned yet. */
export async function readSite(
  sql: Sql,
  { placer, movers }: SiteDeps,
  host: { readonly id: HostId; readonly mode: HostMode },
  work: { readonly id: string | undefined; readonly maintenance: Maintenance },
  now: Instant,
): Promise<Worksite> {
  const guests = [...(await guestsOf(sql, host.id))].sort((a, b) => b.priority - a.priority);
  const ids = guests.map(({ id }) => id);
  const rows = await readLodgers(sql, ids, work.id);
  const obstacles = await movers.obstacles(sql, ids);
  const ephemeral = await movers.ephemeral(sql, ids);
  const wants = guests.map(({ id: instance, request }) => ({ instance, request }));
  const places = await placer.rehearse(sql, host.id, wants);
  const lodgers = guests.flatMap(({ id, name }): Lodger[] => {
    const row = rows.get(id);
    const place = places.get(id);
    if (!row || !place) return [];
    return [
      {
        ...{ id, name, policy: row.policy, state: row.state, desired: row.desired },
        isLocal: row.pool === "local",
        hasEphemeralDisks: ephemeral.has(id),
        cannotMove: gaveUp(row, work.maintenance, now) ?? obstacles.get(id),
        place: "name" in place ? { host: place.name } : { refused: place.refused.message },
        event: row.event ?? undefined,
        window: row.window ?? [],
        moveAgainAt: row.tried_at === null ? undefined : after(row.tried_at, movePatience),
      },
    ];
  });
  const routers = await sql.query<{ name: string }>(
    `select n.name from router r join network n on n.id = r.network_id where r.host_id = $1
     order by n.name`,
    [host.id],
  );
  return {
    ...{ maintenance: work.maintenance, mode: host.mode, lodgers, now },
    routers: routers.map(({ name }) => name),
  };
}

async function readLodgers(
  sql: Sql,
  ids: readonly InstanceId[],
  work: string | undefined,
): Promise<ReadonlyMap<InstanceId, LodgerRow>> {
  const rows = await sql.query<LodgerRow>(
    `select i.id, i.state, i.desired, v.pool, coalesce(p.policy, 'migrate') as policy,
       (select json_build_object('code', e.code, 'hasBegun', e.begun_at is not null)
         from scheduled_event e
         where e.instance_id = i.id and e.maintenance_id = $2 and e.state = 'active') as event,
       coalesce((select w.ranges from event_window w
           join event_window_instance t on t.window_id = w.id where t.instance_id = i.id),
         (select w.ranges from event_window w
           where w.project_id = i.project_id and w.is_for_all)) as "window",
       a.attempts, a.tried_at, a.says
     from instance i join volume v on v.id = i.volume_id
       left join maintenance_policy p on p.instance_id = i.id
       left join maintenance_move a on a.instance_id = i.id and a.maintenance_id = $2
     where i.id = any($1)`,
    [ids, work ?? null],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** One that waits to be moved is not waited for past the deadline, and is told in time. */
function gaveUp(
  { attempts, tried_at: tried, says }: LodgerRow,
  { deadline, notice }: Maintenance,
  now: Instant,
): string | undefined {
  if (tried === null || now < after(tried, movePatience)) return undefined; // The last order may still come true.
  const last = says?.replace(/\.$/, "");
  if ((attempts ?? 0) >= mostMoves) return `it was tried ${attempts} times, the last time: ${last}`;
  if (deadline !== undefined && after(after(now, notice), movePatience) >= deadline)
    return `it could not be moved yet, and the deadline is near: ${last}`;
  return undefined;
}
