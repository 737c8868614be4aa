/**
 * The root volumes of instances, as rows: each fact or decision names an event of the volume's own
 * lifecycle, and a row that the event does not apply to stays as it is.
 */
import type { VolumeReport } from "@holdfast/cloud/hosts";
import { type VolumeEvent, volumeLifecycle } from "@holdfast/cloud/volumes";
import type { HostId, InstanceId, VolumeId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

type Change =
  | VolumeReport
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

/** The lifecycle table as rows that SQL can join: (event, from) to `to`. */
const arrows = volumeLifecycle.states.flatMap((from) =>
  volumeLifecycle.events.flatMap((event) => {
    const to = volumeLifecycle.next(from, event);
    return to ? [{ event, from, to }] : [];
  }),
);

/** Returns the instances whose volumes are now gone. */
export async function writeVolumes(
  sql: Sql,
  changes: readonly Change[],
): Promise<readonly InstanceId[]> {
  if (changes.length === 0) return [];
  const rows = changes.map((change) => ({
    id: change.volume,
    event: eventOf[change.is],
    host: change.is === "placed" ? change.host : null,
  }));
  // A volume that was never made anywhere has nothing to delete: `expunge` takes it all the way.
  await sql.query(
    `update volume v set
       state = case when a.event = 'expunge' and v.host_id is null then 'expunged' else a."to" end,
       host_id = coalesce(d.host, v.host_id)
     from json_to_recordset($1::json) as d (id uuid, event text, host uuid),
       json_to_recordset($2::json) as a (event text, "from" text, "to" text)
     where v.id = d.id and a.event = d.event and a."from" = v.state`,
    [JSON.stringify(rows), JSON.stringify(arrows)],
  );
  const gone = rows.filter(({ event }) => event === "released").map(({ id }) => id);
  if (gone.length === 0) return [];
  const owners = await sql.query<{ id: InstanceId }>(
    "select id from instance where volume_id = any($1)",
    [gone],
  );
  return owners.map(({ id }) => id);
}
