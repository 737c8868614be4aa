/** The root volumes of instances: what a report or a decision about an instance means for its own volume. */
import type { VolumeReport } from "@holdfast/cloud/hosts";
import type { VolumeEvent } from "@holdfast/cloud/volumes";
import { moveVolumes } from "@holdfast/cloud/volumes/edge";
import type { HostId, InstanceId, VolumeId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

type Change =
  | (VolumeReport & { readonly host: HostId })
  | { readonly volume: VolumeId; readonly is: "placed"; readonly host: HostId }
  | { readonly volume: VolumeId; readonly is: "kept" | "taken-back" | "unwanted" };

const eventOf: Readonly<Record<Change["is"], VolumeEvent>> = {
  placed: "create",
  ready: "created",
  deleted: "released",
  kept: "destroy",
  "taken-back": "recover",
  unwanted: "expunge",
};

/** Returns the instances whose volumes are now gone. */
export async function writeVolumes(
  sql: Sql,
  changes: readonly Change[],
): Promise<readonly InstanceId[]> {
  if (changes.length === 0) return [];
  await moveVolumes(
    sql,
    changes.map((change) => ({
      volume: change.volume,
      event: eventOf[change.is],
      host: change.is === "placed" ? change.host : undefined,
      by: change.is === "deleted" ? change.host : undefined,
    })),
  );
  const gone = changes.filter(({ is }) => is === "deleted").map(({ volume }) => volume);
  if (gone.length === 0) return [];
  const owners = await sql.query<{ id: InstanceId }>(
    "select id from instance where volume_id = any($1)",
    [gone],
  );
  return owners.map(({ id }) => id);
}

/** Local volumes that were copied along with their instances. */
export async function rehomeVolumes(
  sql: Sql,
  moved: readonly { readonly volume: VolumeId; readonly host: HostId }[],
): Promise<void> {
  if (moved.length === 0) return;
  await sql.query(
    `update volume v set host_id = d.host_id from unnest($1::uuid[], $2::uuid[]) d (id, host_id)
     where v.id = d.id and v.pool = 'local'`,
    [moved.map(({ volume }) => volume), moved.map(({ host }) => host)],
  );
}
