/**
 * States of volumes as rows: each fact or decision names an event of the lifecycle, and a row that the event
 * does not apply to stays as it is. Nobody else writes a state.
 */
import type { HostId, SnapshotId, VolumeId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { type VolumeEvent, type VolumeState, volumeLifecycle } from "../core/lifecycle.ts";

export interface Move {
  readonly volume: VolumeId;
  readonly event: VolumeEvent;
  /** Where it is from now on. */
  readonly host?: HostId | undefined;
  /** Whose word it is, if it is one host's: of a copy elsewhere it says nothing. */
  readonly by?: HostId | undefined;
}

/** The lifecycle table as rows that SQL can join: (event, from) to `to`. */
const arrows = JSON.stringify(
  volumeLifecycle.states.flatMap((from) =>
    volumeLifecycle.events.flatMap((event) => {
      const to = volumeLifecycle.next(from, event);
      return to ? [{ event, from, to }] : [];
    }),
  ),
);

/** Returns those that have moved, with their new states. */
export async function moveVolumes(
  sql: Sql,
  moves: readonly Move[],
): Promise<readonly { readonly id: VolumeId; readonly state: VolumeState }[]> {
  if (moves.length === 0) return [];
  const rows = moves.map(({ volume, event, host, by }) => ({
    ...{ id: volume, event },
    ...{ host: host ?? null, by: by ?? null },
  }));
  // A volume that was never made anywhere has nothing to delete: `expunge` takes it all the way.
  const moved = await sql.query<{ id: VolumeId; state: VolumeState }>(
    `update volume v set
       state = case when a.event = 'expunge' and v.host_id is null then 'expunged' else a."to" end,
       host_id = coalesce(d.host, v.host_id),
       -- Made as it should be; whoever has it says so if it is not. Saves one more version of every root volume.
       actual_bytes = case a.event when 'created' then coalesce(v.actual_bytes, v.size_bytes) else v.actual_bytes end
     from json_to_recordset($1::json) as d (id uuid, event text, host uuid, by uuid),
       json_to_recordset($2::json) as a (event text, "from" text, "to" text)
     where v.id = d.id and a.event = d.event and a."from" = v.state
       -- Of a local volume another host has had a copy, while its instance moved.
       and (d.by is null or v.pool <> 'local' or v.host_id = d.by)
     returning v.id, v.state`,
    [JSON.stringify(rows), arrows],
  );
  await cleanUp(
    sql,
    moved.filter(({ state }) => state === "expunged").map(({ id }) => id),
  );
  return moved;
}

/** With a volume goes what lies in it, and what was kept only for its sake. Its backups stay. */
async function cleanUp(sql: Sql, gone: readonly VolumeId[]): Promise<void> {
  if (gone.length === 0) return;
  // Whatever was to be done with it has no object any more.
  await sql.query("delete from storage_task where volume_id = any($1) and backup_id is null", [
    gone,
  ]);
  await sql.query(
    `delete from storage_task where snapshot_id in
       (select id from snapshot where lies_in = any($1) or volume_id = any($1))`,
    [gone],
  );
  const kept = await sql.query<{ id: VolumeId }>(
    "select id from volume where successor_id = any($1) and state <> 'expunged' order by id for update",
    [gone],
  );
  await sql.query("delete from snapshot where lies_in = any($1) or volume_id = any($1)", [gone]);
  await sql.query("delete from backup_schedule where volume_id = any($1)", [gone]);
  await expunge(
    sql,
    kept.map(({ id }) => id),
  );
}

/** Deletes volumes that are not any instance's root: a host is asked to, unless there is nothing to delete. */
export async function expunge(sql: Sql, volumes: readonly VolumeId[]): Promise<void> {
  if (volumes.length === 0) return;
  const moved = await moveVolumes(
    sql,
    volumes.map((volume) => ({ volume, event: "expunge" })),
  );
  const there = moved.filter(({ state }) => state === "expunging").map(({ id }) => id);
  if (there.length === 0) return;
  // Snapshots that are being removed go with it, and it waits for no removal that does not end.
  const going = await sql.query<{ snapshot: SnapshotId | null }>(
    `delete from storage_task where volume_id = any($1) and "do" = 'remove-snapshot' returning snapshot_id as snapshot`,
    [there],
  );
  // But for those that are being copied: the copy is made before the volume is removed, and they are gone with it.
  await sql.query(
    `delete from snapshot n where n.id = any($1) and n.state = 'deleting'
       and not exists (select from storage_task t where t.snapshot_id = n.id)`,
    [going.map(({ snapshot }) => snapshot)],
  );
  await sql.query(
    `insert into storage_task (id, volume_id, "do", detail, created_at, deadline, actor)
     select gen_random_uuid(), id, 'remove', '{}', now(), now() + interval '1 hour', 'holdfast' from unnest($1::uuid[]) d (id)`,
    [there],
  );
}

/** Volumes that a restore has replaced and that were kept for the snapshots in them, when there is none any more. */
export async function dropReplaced(sql: Sql, volume: VolumeId): Promise<void> {
  const empty = await sql.query<{ id: VolumeId }>(
    `select v.id from volume v where v.successor_id = $1 and v.state = 'destroyed'
       and not exists (select from snapshot n where n.lies_in = v.id)`,
    [volume],
  );
  await expunge(
    sql,
    empty.map(({ id }) => id),
  );
}

/** A volume that was made for copies of snapshots, when none is in it any more and no instance has had it. */
export async function expungeUnkept(sql: Sql, volume: VolumeId): Promise<void> {
  const empty = await sql.query<{ id: VolumeId }>(
    `select v.id from volume v where v.id = $1 and v.goes_with_snapshots
       and not exists (select from snapshot n where n.volume_id = v.id)`,
    [volume],
  );
  await expunge(
    sql,
    empty.map(({ id }) => id),
  );
}
