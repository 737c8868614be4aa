/**
 * Everything that is wished of one host: what it is told when it connects, whatever it knew before.
 *
 * Not what it was given in an epoch that has ended: that is proven dead, and only waits for somebody to say
 * so and to start it elsewhere.
 */

import type { Proof } from "@holdfast/cloud/availability";
import { lastDeathOf } from "@holdfast/cloud/deaths/edge";
import type { HostState, Unwanted, Wish } from "@holdfast/cloud/hosts";
import { Manifest, type Manifest as ManifestType } from "@holdfast/cloud/images";
import { manifestOf } from "@holdfast/cloud/images/edge";
import { type GivenNic, nicsOf } from "@holdfast/cloud/networks/edge";
import { type DiskColumns, diskColumns, disksOf } from "@holdfast/cloud/volumes/edge";
import type { HostId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { openMigration } from "../core/migration.ts";
import type { Incarnation, Patience } from "../core/model.ts";
import { arrivalWishOf, farewellOf, type WishInput, wishOf } from "../core/wish.ts";
import { fenceOf, leaseOf } from "./leases.ts";
import {
  isOpen,
  leftoversOn,
  type MigrationRow,
  migrationOf,
  migrationsOf,
} from "./migration-rows.ts";
import { type InstanceRow, instanceOf } from "./rows.ts";

interface WishRow extends InstanceRow, Omit<DiskColumns, "volume_id"> {
  readonly epoch: number;
  readonly phase: Incarnation["phase"] | null;
  readonly home_state: HostState | null;
  /** Its home had another epoch when it was placed there: whatever was given to it then is not wished for now. */
  readonly is_stale: boolean;
  readonly certificate: string | null;
  readonly proof: Proof | null;
  readonly proven_at: Instant | null;
  readonly move: MigrationRow | null;
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
    `select i.*, c.host_epoch as epoch, c.phase, h.state as home_state, h.epoch <> c.host_epoch as is_stale,
       f.id as certificate, f.proof, f.proven_at, v.pool, ${diskColumns}, ${manifestOf("m")} as manifest,
       ${migrationsOf("i", "v.pool")} as move,
       ${lastDeathOf("i.id")} as last_death, ${nicsOf("i.id")} as nics
     from instance i
     join image m on m.id = i.image_id
     join volume v on v.id = i.volume_id
     left join instance_type t on t.name = i.type
     join incarnation c on c.instance_id = i.id and c.generation = i.generation
     join host h on h.id = i.home
     left join fence_certificate f on f.host_id = c.host_id and f.epoch = c.host_epoch
       and (f.covers = 'everything' or v.pool <> 'local')
     -- Not \`or\`: for that PostgreSQL would read every instance that there is.
     where i.id in (select id from instance where home = $1
       union select instance_id from migration where to_host = $1 and ${isOpen})`,
    [host],
  );
  // A shared volume whose own host is gone is deleted by any that reaches its pool; twice is harmless.
  const volumes = await sql.query<Unwanted>(
    `select v.id as volume, v.pool from volume v left join host o on o.id = v.host_id
     where v.state = 'expunging' and exists (select from instance i where i.volume_id = v.id) and (v.host_id = $1 or (v.pool <> 'local' and o.state <> 'up'
       and v.pool = any((select pools from host where id = $1)::text[])))`,
    [host],
  );
  const [self] = await sql.query<{ epoch: number }>("select epoch from host where id = $1", [host]);
  const wishes = rows.flatMap((row): readonly Wish[] => {
    const input = inputOf(row);
    const open = openMigration(input);
    const isHome = row.home === host && !row.is_stale && !(open && row.phase === "exited");
    const mine = isHome ? [wishOf(input, row.epoch, patience)] : [];
    if (open?.arrival.host !== host || row.move?.to_epoch !== self?.epoch) return mine;
    const arrival = arrivalWishOf(input, row.move?.to_epoch ?? 0, patience);
    return arrival ? [...mine, arrival] : mine;
  });
  const leftovers = (await leftoversOn(sql, [host])).get(host) ?? [];
  return {
    wishes: [...wishes, ...(await farewellsTo(sql, host))],
    deleteVolumes: [...volumes, ...leftovers.map((volume) => ({ volume, pool: "local" }))],
  };
}

function inputOf(row: WishRow): WishInput {
  const manifest: ManifestType | undefined = row.manifest
    ? Manifest.parse(row.manifest)
    : undefined;
  const instance = instanceOf(row);
  const { phase, home_state: homeState } = row;
  const fence = fenceOf(row);
  return {
    instance,
    incarnation:
      phase && instance.home
        ? {
            generation: instance.generation,
            host: instance.home,
            phase,
            guest: "booting",
            reboots: 0,
            ending: undefined,
          }
        : undefined,
    lease: fence ? "fenced" : homeState ? leaseOf[homeState] : "none",
    migration: row.move ? migrationOf(row.move) : undefined,
    manifest,
    disks: disksOf(row).wished,
    nics: row.nics,
    lastDeath: row.last_death ?? undefined,
  };
}

/** What has moved away from this host, which has not yet said that its own process is gone. */
async function farewellsTo(sql: Sql, host: HostId): Promise<readonly Wish[]> {
  const rows = await sql.query<InstanceRow & { epoch: number; left: number }>(
    `select i.*, h.epoch, g.from_generation as left from migration g
       join instance i on i.id = g.instance_id join host h on h.id = g.from_host
     where g.from_host = $1 and g.state = 'switched' and i.home is distinct from $1
       and not exists (select from migration o where o.instance_id = i.id and o.to_host = $1 and o.${isOpen})`,
    [host],
  );
  return rows.map((row) => farewellOf(instanceOf(row), row.epoch, row.left));
}
