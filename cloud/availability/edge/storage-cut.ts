/**
 * Taking a silent host's volumes away from it, through other hosts that reach the same pools: nobody has to ask
 * the host itself, and what its guests still write goes nowhere.
 *
 * It is a proof only if it is whole. One volume in a pool that cannot cut anybody off, or in one that no other
 * host reaches, and there is none; and what has been given to the host meanwhile is not among what was cut, so
 * the list is read again afterwards.
 */
import type { PoolFacts } from "@holdfast/cloud/hosts";
import type { HostId, InstanceId, VolumeId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

/** A volume and who may have it open. */
export interface Reach {
  readonly volume: VolumeId;
  readonly pool: string;
  readonly instance: InstanceId;
  readonly generation: number;
}

export interface Accused {
  readonly id: HostId;
  readonly epoch: number;
}

export interface StorageCutDeps {
  readonly sql: Sql;
  /** Hosts that can be spoken to from here. */
  readonly hosts: () => readonly HostId[];
  readonly poolsOf: (host: HostId) => readonly PoolFacts[];
  /** Has a host cut these off; resolves when none of them can reach its volume any more. */
  readonly cut: (host: HostId, all: readonly Reach[]) => Promise<void>;
}

export interface StorageCut {
  /** Whose volumes can all be taken away from them, as far as can be told from here. */
  whichCanCut(hosts: readonly Accused[]): Promise<ReadonlySet<HostId>>;
  /** Resolves with how many were, or undefined if it cannot be said of all of them. */
  cut(host: HostId, epoch: number): Promise<number | undefined>;
}

export function storageCut({ sql, hosts, poolsOf, cut }: StorageCutDeps): StorageCut {
  return {
    async whichCanCut(accused) {
      // Where nobody can cut anybody off, nobody has to be asked what could be.
      const isPossible = hosts().some((host) => poolsOf(host).some(({ canRevoke }) => canRevoke));
      if (!isPossible || accused.length === 0) return new Set();
      const pools = await sql.query<{ host: HostId; pools: string[] }>(
        `select c.host_id as host, array_agg(distinct v.pool) as pools
         from unnest($1::uuid[], $2::int[]) d (host, epoch)
           join incarnation c on c.host_id = d.host and c.host_epoch = d.epoch ${withVolumes}
         where ${isWithinReach} group by c.host_id`,
        [accused.map(({ id }) => id), accused.map(({ epoch }) => epoch)],
      );
      const isCuttable = ({ host, pools: all }: (typeof pools)[number]) =>
        all.every((pool) => helperFor(host, pool) !== undefined);
      return new Set(pools.filter(isCuttable).map(({ host }) => host));
    },

    async cut(host, epoch) {
      const all = await readReach(sql, host, epoch);
      for (const pool of new Set(all.map((each) => each.pool))) {
        const helper = helperFor(host, pool);
        if (!helper) return undefined;
        await cut(
          helper,
          all.filter((each) => each.pool === pool),
        );
      }
      const since = await readReach(sql, host, epoch);
      return all.length > 0 && JSON.stringify(since) === JSON.stringify(all)
        ? all.length
        : undefined;
    },
  };

  function helperFor(silent: HostId, pool: string): HostId | undefined {
    return hosts().find(
      (host) =>
        host !== silent && poolsOf(host).some((each) => each.pool === pool && each.canRevoke),
    );
  }
}

const withVolumes = `join instance i on i.id = c.instance_id
  left join attachment a on a.instance_id = i.id
  join volume v on v.id = i.volume_id or v.id = a.volume_id`;
const isWithinReach = "c.phase <> 'exited' and v.pool <> 'local'";

/** What runs on a host, or may, in this epoch, with every volume that another host could open as well. */
function readReach(sql: Sql, host: HostId, epoch: number): Promise<readonly Reach[]> {
  return sql.query<Reach>(
    `select v.id as volume, v.pool, c.instance_id as instance, c.generation
     from incarnation c ${withVolumes}
     where c.host_id = $1 and c.host_epoch = $2 and ${isWithinReach}
     group by v.id, v.pool, c.instance_id, c.generation
     order by v.id, c.generation`,
    [host, epoch],
  );
}
