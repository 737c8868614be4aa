/** Everything that is wished of one host: what it is told when it connects, whatever it knew before. */

import type { Wish } from "@holdfast/cloud/hosts";
import { Manifest, type Manifest as ManifestType } from "@holdfast/cloud/images";
import type { HostId, VolumeId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import type { Incarnation, Patience } from "../core/model.ts";
import { wishOf } from "../core/wish.ts";
import { type InstanceRow, instanceOf } from "./rows.ts";

interface WishRow extends InstanceRow {
  readonly phase: Incarnation["phase"] | null;
  readonly volume_bytes: number;
  readonly manifest: unknown;
}

export async function wishesForHost(
  sql: Sql,
  host: HostId,
  patience: Patience,
): Promise<{ wishes: readonly Wish[]; deleteVolumes: readonly VolumeId[] }> {
  const rows = await sql.query<WishRow>(
    `select i.*, c.phase, v.size_bytes as volume_bytes, m.manifest
     from instance i
     join image m on m.id = i.image_id
     join volume v on v.id = i.volume_id
     left join incarnation c on c.instance_id = i.id and c.generation = i.generation
     where i.home = $1`,
    [host],
  );
  const volumes = await sql.query<{ id: VolumeId }>(
    "select id from volume where host_id = $1 and state = 'expunging'",
    [host],
  );
  const wishes = rows.map((row) => {
    const manifest: ManifestType | undefined = row.manifest
      ? Manifest.parse(row.manifest)
      : undefined;
    const phase = row.phase ?? undefined;
    return wishOf(
      { instance: instanceOf(row), phase, manifest, volumeBytes: row.volume_bytes },
      patience,
    );
  });
  return { wishes, deleteVolumes: volumes.map(({ id }) => id) };
}
