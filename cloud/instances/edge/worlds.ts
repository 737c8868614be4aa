/**
 * Everything a decision about an instance may rest on, for a batch of them.
 *
 * The rows of the instances are locked: whoever holds a world is the only one who may write it. Locked first
 * and read then: a statement that waited for a lock sees that row as it is now and all others as they were when
 * it began, so an instance would be seen without the process that somebody has just started for it.
 */
import type { Proof } from "@holdfast/cloud/availability";
import { lastDeathOf } from "@holdfast/cloud/deaths/edge";
import type { HostState, WishedDisk } from "@holdfast/cloud/hosts";
import { type GivenNic, nicsOf } from "@holdfast/cloud/networks/edge";
import type { Disk, UnderWay } from "@holdfast/cloud/volumes";
import { type DiskColumns, diskColumns, disksOf, underWayOf } from "@holdfast/cloud/volumes/edge";
import type { HostId, InstanceId, VolumeId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { Ending, Errand, Incarnation, Patience, World } from "../core/model.ts";
import { putRight, takeDue } from "./due.ts";
import { errandOf } from "./errands.ts";
import { fenceOf, leaseOf } from "./leases.ts";
import { type MigrationRow, migrationOf, migrationsOf } from "./migration-rows.ts";
import { type InstanceRow, instanceOf } from "./rows.ts";

interface WorldRow extends InstanceRow, Omit<DiskColumns, "volume_id"> {
  readonly phase: Incarnation["phase"] | null;
  readonly guest: Incarnation["guest"] | null;
  readonly reboots_done: number | null;
  readonly incarnation_host: HostId | null;
  readonly host_epoch: number | null;
  readonly ending: Ending | null;
  readonly home_state: HostState | null;
  readonly image_state: "importing" | "ready" | "failed" | "deleted";
  readonly volume_host: HostId | null;
  readonly under_way: readonly UnderWay[];
  readonly nics: readonly GivenNic[];
  readonly certificate: string | null;
  readonly proof: Proof | null;
  readonly proven_at: Instant | null;
  readonly move: MigrationRow | null;
  readonly waits_for: string[] | null;
  readonly has_dependencies: boolean;
  readonly last_death: string | null;
  readonly look_at: Instant | null;
  readonly errand: Errand | null;
}

/** A world, with what the writing of it needs besides. */
export interface Loaded {
  readonly world: World;
  readonly hostEpoch: number;
  /** Of the destination of a move that is open, when it was chosen. */
  readonly arrivalEpoch: number;
  readonly volumeHost: HostId | undefined;
  /** Its host has been asked to make it, and has not said yet that it has. */
  readonly isVolumeAwaited: boolean;
  readonly pool: string;
  /** As its host should have them. */
  readonly disks: readonly WishedDisk[];
  /** All of them, also those that are being made or detached. */
  readonly station: readonly Disk[];
  /** The root volume, if there is no other, as its host has said that it is, and nothing is wrong with it. */
  readonly soleDisk: { readonly volume: VolumeId; readonly bytes: number } | undefined;
  readonly nics: readonly GivenNic[];
  readonly wasUp: boolean;
  /** It starts after others: where they are is known only to a pass that begins with it stopped. */
  readonly hasDependencies: boolean;
  /** What its guest is told of its last death, as JSON. */
  readonly lastDeath: string | undefined;
  /** The host that was taken from under it for planned work, and is given back to it. */
  readonly returnsTo?: HostId | undefined;
  /** When it was to be looked at next. */
  readonly lookAt: Instant | undefined;
}

/** Of these, waiting for whoever else is writing them. */
export async function loadWorlds(
  sql: Sql,
  ids: readonly InstanceId[],
  patience: Patience,
  now: Instant,
): Promise<readonly Loaded[]> {
  const rows = await sql.query<{ id: InstanceId }>(
    "select id from instance where id = any($1) order by id for update",
    [ids],
  );
  return loadHeld(
    sql,
    rows.map(({ id }) => id),
    patience,
    now,
  );
}

/** Of at most `limit` that are due and nobody else has in hand. */
export async function loadDue(
  sql: Sql,
  limit: number,
  patience: Patience,
  now: Instant,
): Promise<{
  readonly worlds: readonly Loaded[];
  /** With those that turned out to be due later, or never: there may be more where so many were found. */
  readonly found: number;
}> {
  const { due, early } = await takeDue(sql, now, limit);
  await putRight(sql, early);
  return {
    worlds: await loadHeld(sql, due, patience, now),
    found: due.length + early.length,
  };
}

/** Of instances that are held. */
async function loadHeld(
  sql: Sql,
  ids: readonly InstanceId[],
  patience: Patience,
  now: Instant,
): Promise<readonly Loaded[]> {
  if (ids.length === 0) return [];
  const rows = await sql.query<WorldRow>(
    `select i.*, c.phase, c.guest, c.reboots as reboots_done, c.host_id as incarnation_host,
       c.host_epoch, c.ending, h.state as home_state, m.state as image_state,
       v.pool, ${diskColumns}, ${underWayOf("i")} as under_way,
       -- Any host that reaches its pool can delete a shared volume, if the one that last had it is gone.
       case when v.pool <> 'local' and i.state = 'expunging' and o.state <> 'up' then
         coalesce((select r.id from host r where r.state = 'up' and v.pool = any(r.pools) limit 1), v.host_id)
         else v.host_id end as volume_host,
       f.id as certificate, f.proof, f.proven_at, ${migrationsOf("i", "v.pool")} as move, ${lastDeathOf("i.id")} as last_death,
       ${nicsOf("i.id")} as nics, ${errandOf("i")} as errand,
       case when i.state = 'stopped' and i.depends_on <> '{}' then array(
         select d.name from instance d join image dm on dm.id = d.image_id
           left join incarnation e on e.instance_id = d.id and e.generation = d.generation
         where d.id = any(i.depends_on) and d.desired = 'running' and not (d.state = 'running'
           and (e.guest = 'up' or not coalesce((dm.manifest->>'saysReady')::bool, false)))) end as waits_for, i.depends_on <> '{}' as has_dependencies
     from instance i
     left join incarnation c on c.instance_id = i.id and c.generation = i.generation
     left join host h on h.id = i.home
     join image m on m.id = i.image_id
     join volume v on v.id = i.volume_id
     left join instance_type t on t.name = i.type
     left join host o on o.id = v.host_id
     left join fence_certificate f on f.host_id = c.host_id and f.epoch = c.host_epoch
       and i.home is not null and (f.covers = 'everything' or v.pool <> 'local')
     where i.id = any($1)`,
    [ids],
  );
  return rows.map((row) => {
    const { wished, station } = disksOf(row);
    return {
      world: worldOf(row, patience, now),
      hostEpoch: row.host_epoch ?? 0,
      arrivalEpoch: row.move?.to_epoch ?? 0,
      volumeHost: row.volume_host ?? undefined,
      isVolumeAwaited: row.volume_state === "creating",
      pool: row.pool,
      disks: wished,
      station,
      soleDisk:
        row.more_disks || row.root_actual === null || !row.root_is_well
          ? undefined
          : { volume: row.volume_id, bytes: row.root_actual },
      nics: row.nics,
      wasUp: row.guest === "up",
      hasDependencies: row.has_dependencies,
      lastDeath: row.last_death ?? undefined,
      returnsTo: row.errand?.does === "return" ? (row.last_host ?? undefined) : undefined,
      lookAt: row.look_at ?? undefined,
    };
  });
}

const imageOf = {
  importing: "importing",
  ready: "ready",
  failed: "missing",
  deleted: "missing",
} as const satisfies Record<WorldRow["image_state"], World["image"]>;

function worldOf(row: WorldRow, patience: Patience, now: Instant): World {
  const incarnation: Incarnation | undefined =
    row.phase && row.incarnation_host
      ? {
          generation: row.generation,
          host: row.incarnation_host,
          phase: row.phase,
          guest: row.guest ?? "booting",
          reboots: row.reboots_done ?? 0,
          ending: row.ending ?? undefined,
        }
      : undefined;
  const fence = fenceOf(row);
  return {
    instance: instanceOf(row),
    incarnation,
    lease: fence ? "fenced" : row.home_state ? leaseOf[row.home_state] : "none",
    fence,
    migration: row.move ? migrationOf(row.move) : undefined,
    waitsFor: row.waits_for ?? [],
    image: imageOf[row.image_state],
    errand: row.errand ?? undefined,
    volume: row.volume_state === "expunged" ? "released" : row.volume_host ? "placed" : "unplaced",
    underWay: row.under_way,
    patience,
    now,
  };
}
