/** What is wrong with volumes: damage, pools that fill up, backups that do not come, disks that do not let go. */
import { nobodyElse, type Trouble, type TroubleSource } from "@holdfast/cloud/checks";
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";

export interface TroubleRules {
  /** Shares of a pool: less free than this is a trouble, and less than that refuses what is new. */
  readonly nearlyFull: number;
  readonly reserve: number;
}

export function volumeTroubles(database: Database, rules: () => TroubleRules): TroubleSource {
  return async ({ project, now }) => {
    const own = await Promise.all([
      damaged(database, project, now),
      unattached(database, project),
      overdueBackups(database, project, now),
      slow(database, project, now),
    ]);
    const pools = project === undefined ? await fullPools(database, rules()) : [];
    return [...own.flat(), ...pools];
  };
}

const subject = (id: string, name: string) =>
  ({ kind: "platform", id, name: `volume ${name}` }) as const;
const affected = (instance: string | null): Trouble["affects"] =>
  instance === null ? nobodyElse : { count: 1, names: [instance] };

/** Also volumes that could not be made. */
async function damaged(
  database: Database,
  project: ProjectId | undefined,
  now: Instant,
): Promise<readonly Trouble[]> {
  const rows = await database.query<{
    id: string;
    name: string;
    project: ProjectId;
    instance: string | null;
    is: string | null;
    why: string | null;
    at: Instant | null;
    message: string | null;
  }>(
    `${named}, v.checked->>'is' as "is", v.checked->>'why' as why, v.checked_at as at, v.problem->>'message' as message
     ${from} where v.state = 'failed' and v.successor_id is null and ($1::uuid is null or v.project_id = $1)`,
    [project ?? null],
  );
  return rows.map(({ id, name, project: of, instance, is, why, at, message }): Trouble => {
    const isDamaged = is === "damaged" || is === "missing";
    return {
      code: isDamaged ? "volume-damaged" : "volume-not-made",
      severity: "outage",
      subject: subject(id, name),
      project: of,
      since: at ?? now,
      says: isDamaged
        ? `It is ${is}${why ? `: ${why}` : ""}.`
        : `It could not be made${message ? `: ${message}` : ""}.`,
      affects: affected(instance),
      doing: isDamaged
        ? "It is left as it is, and is neither backed up nor copied."
        : "Nothing: whoever attaches it again has it tried again.",
      fix: isDamaged
        ? `Restore it: holdfast snapshots --volume ${name}, holdfast backups --volume ${name}. If it has been mended: holdfast volumes check ${name}`
        : `Delete it, or give its pool more room: holdfast volumes show ${name}`,
    };
  });
}

const named = `select v.id, coalesce(v.name, i.name || '.' || v.kind, v.id::text) as name, v.project_id as project, i.name as instance`;
const from = `from volume v left join attachment a on a.volume_id = v.id
  left join instance i on i.id = coalesce(a.instance_id, (select r.id from instance r where r.volume_id = v.id))`;

/** Disks that a guest should have and has not, or should let go of and does not. */
async function unattached(
  database: Database,
  project: ProjectId | undefined,
): Promise<readonly Trouble[]> {
  const rows = await database.query<{
    id: string;
    name: string;
    project: ProjectId;
    instance: string;
    is: string;
    message: string | null;
    since: Instant;
  }>(
    `${named}, a."is", a.problem->>'message' as message, a.said_at as since ${from}
     where a."is" in ('detach-refused', 'attach-failed', 'too-small') and i.home is not null
       and ($1::uuid is null or v.project_id = $1)`,
    [project ?? null],
  );
  return rows.map(({ id, name, project: of, instance, is, message, since }): Trouble => {
    const isRefused = is === "detach-refused";
    const because = message ? `: ${message}` : ".";
    return {
      code: isRefused ? "detach-refused" : "disk-not-attached",
      severity: isRefused ? "risk" : "degraded",
      subject: subject(id, name),
      project: of,
      since,
      says: isRefused
        ? `The guest of ${instance} does not let go of it${because}`
        : `The guest of ${instance} does not have it as it should${because}`,
      affects: affected(instance),
      doing: "Its host asks again every few seconds.",
      fix: isRefused
        ? `Unmount it inside the guest, or stop ${instance}: then it is free at once`
        : `See it: holdfast volumes show ${name}`,
    };
  });
}

/** What was promised with a type or a limit, and the pool cannot give. */
async function slow(
  database: Database,
  project: ProjectId | undefined,
  now: Instant,
): Promise<readonly Trouble[]> {
  const rows = await database.query<{
    id: string;
    name: string;
    project: ProjectId;
    instance: string | null;
    message: string;
  }>(
    `${named}, coalesce(a.problem, v.problem)->>'message' as message ${from}
     where coalesce(a.problem, v.problem)->>'code' = 'pool_too_slow' and i.home is not null
       and ($1::uuid is null or v.project_id = $1)`,
    [project ?? null],
  );
  return rows.map(
    ({ id, name, project: of, instance, message }): Trouble => ({
      code: "pool-too-slow",
      severity: "risk",
      subject: subject(id, name),
      project: of,
      since: now,
      says: message,
      affects: affected(instance),
      doing: "Its guest has it all the same, as fast as the pool is.",
      fix: `Promise less: holdfast volumes limit ${name}, or the limits of its type: holdfast types`,
    }),
  );
}

/** Two slots without a backup that is whole: one may be late, or have fallen on a bad moment. */
async function overdueBackups(
  database: Database,
  project: ProjectId | undefined,
  now: Instant,
): Promise<readonly Trouble[]> {
  const rows = await database.query<{
    id: string;
    name: string;
    project: ProjectId;
    instance: string | null;
    everyMinutes: number;
    since: Instant;
    message: string | null;
  }>(
    `${named}, s.every_minutes as "everyMinutes", b.at as since, (select coalesce(t.problem->>'message', f.problem->>'message')
         from backup f left join storage_task t on t.backup_id = f.id where f.volume_id = v.id and f.state in ('making', 'failed')
         order by f.created_at desc limit 1) as message
     ${from} join backup_schedule s on s.volume_id = v.id join lateral (
       select coalesce(max(r.made_at), s.created_at) as at from backup r where r.volume_id = v.id and r.made_at is not null) b on true
     where b.at < $2::timestamptz - s.every_minutes * interval '2 minutes' and ($1::uuid is null or v.project_id = $1)`,
    [project ?? null, new Date(now)],
  );
  return rows.map(
    ({ id, name, project: of, instance, everyMinutes, since, message }): Trouble => ({
      code: "backups-overdue",
      severity: "risk",
      subject: subject(id, name),
      project: of,
      since,
      says: `It should be backed up every ${everyMinutes} minutes, and has not been${message ? `: ${message}` : "."}`,
      affects: affected(instance),
      doing: "It is tried again at every slot of its schedule.",
      fix: `See its backups: holdfast backups --volume ${name}`,
    }),
  );
}

/** A shared pool is told of once, by whoever looked last. */
async function fullPools(
  database: Database,
  { nearlyFull, reserve }: TroubleRules,
): Promise<readonly Trouble[]> {
  const rows = await database.query<{
    id: string;
    host: string;
    pool: string;
    total: number;
    free: number;
    at: Instant;
    guests: string[];
  }>(
    `select h.id, h.name as host, r.pool, r.total_bytes as total, r.free_bytes as free, r.heard_at as at,
       array(select distinct i.name from instance i join volume v on v.id = i.volume_id
         where v.pool = r.pool and (r.pool <> 'local' or v.host_id = h.id) and i.state = 'running' order by 1 limit 20) as guests
     from (select distinct on (pool, case when pool = 'local' then host_id end) * from pool_room
         order by pool, case when pool = 'local' then host_id end, heard_at desc) r
       join host h on h.id = r.host_id and h.state = 'up'
     where r.total_bytes > 0 and r.free_bytes < r.total_bytes * $1::float8`,
    [nearlyFull],
  );
  return rows.map(({ id, host, pool, total, free, at, guests }): Trouble => {
    const percent = Math.round((100 * free) / total);
    const isFull = free < total * reserve;
    return {
      code: "pool-nearly-full",
      severity: isFull ? "degraded" : "risk",
      subject:
        pool === "local"
          ? { kind: "host", id, name: host }
          : { kind: "platform", id: `pool:${pool}`, name: `pool ${pool}` },
      project: undefined,
      since: at,
      says: `${percent} % of the room for volumes is left. When there is none, guests that write are paused.`,
      affects: { count: guests.length, names: guests },
      doing: isFull
        ? "Nothing new is made in it."
        : "Nothing yet: at the reserve nothing new is made in it.",
      fix: "Delete volumes and snapshots that nobody needs (holdfast volumes, holdfast snapshots), or give it more room",
    };
  });
}
