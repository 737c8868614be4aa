/**
 * Everything that is wished of one host: what it is told when it connects, whatever it knew before.
 *
 * Not what it was given in an epoch that has ended: that is proven dead, and only waits for somebody to say
 * so and to start it elsewhere.
 */

import { lastDeathOf } from "@holdfast/cloud/deaths/edge";
import type { Unwanted, Wish, WishedDisk } from "@holdfast/cloud/hosts";
import { Manifest, type Manifest as ManifestType } from "@holdfast/cloud/images";
import { type GivenNic, nicsOf } from "@holdfast/cloud/networks/edge";
import { wishedDisksOf } from "@holdfast/cloud/volumes/edge";
import type { HostId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import type { Incarnation, Patience } from "../core/model.ts";
import { wishOf } from "../core/wish.ts";
import { type InstanceRow, instanceOf } from "./rows.ts";

interface WishRow extends InstanceRow {
  readonly epoch: number;
  readonly phase: Incarnation["phase"] | null;
  readonly disks: readonly WishedDisk[];
  readonly last_death: string | null;
  readonly nics: readonly GivenNic[];
  readonly manifest: unknown;
}

export async function wishesForHost(
  sql: Sql,
  host: HostId,
  patience: Patience,
): Promise<{ wishes: readonly Wish[]; deleteVolumes: readonly Unwanted[] }> {
  const rows = await sql.query<WishRow>(
    `select i.*, c.host_epoch as epoch, c.phase, ${wishedDisksOf("i")} as disks, m.manifest,
       ${lastDeathOf("i.id")} as last_death, ${nicsOf("i.id")} as nics
     from instance i
     join image m on m.id = i.image_id
     join incarnation c on c.instance_id = i.id and c.generation = i.generation
     join host h on h.id = i.home and h.epoch = c.host_epoch
     where i.home = $1`,
    [host],
  );
  // A shared volume whose own host is gone is deleted by any that reaches its pool; twice is harmless.
  const volumes = await sql.query<Unwanted>(
    `select v.id as volume, v.pool from volume v left join host o on o.id = v.host_id
     where v.state = 'expunging' and exists (select from instance i where i.volume_id = v.id) and (v.host_id = $1 or (v.pool <> 'local' and o.state <> 'up'
       and v.pool = any((select pools from host where id = $1)::text[])))`,
    [host],
  );
  const wishes = rows.map((row) => {
    const manifest: ManifestType | undefined = row.manifest
      ? Manifest.parse(row.manifest)
      : undefined;
    const phase = row.phase ?? undefined;
    return wishOf(
      {
        instance: instanceOf(row),
        epoch: row.epoch,
        phase,
        manifest,
        disks: row.disks,
        nics: row.nics,
        lastDeath: row.last_death ?? undefined,
      },
      patience,
    );
  });
  return { wishes, deleteVolumes: volumes };
}
