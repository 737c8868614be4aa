/** What an instance needs of a host, from what it is and from what has just happened to it. */
import { type CauseClass, meaningOf } from "@holdfast/cloud/deaths";
import type { PlacementRequest } from "@holdfast/cloud/placement";
import { type Disk, poolsOf, tiedTo } from "@holdfast/cloud/volumes";
import type { HostId } from "@holdfast/kernel/ids";
import type { Instance } from "./model.ts";

/** Its root volume: where it is, if it is anywhere yet. */
export interface Rooted {
  readonly pool: string;
  readonly volumeHost: HostId | undefined;
  /** All its disks, the root volume among them; absent: there is no other. */
  readonly station?: readonly Disk[];
}

export function requestOf(instance: Instance, root: Rooted): PlacementRequest {
  const { cpus, memoryMiB, zone, hostTags, antiAffinityGroup, project } = instance;
  const onlyHost = onlyHostOf(instance, root);
  const pools = new Set([
    ...(root.pool === "local" ? [] : [root.pool]),
    ...poolsOf(root.station ?? []),
  ]);
  return {
    cpus,
    memoryMiB,
    tags: pools.size === 0 ? hostTags : [...hostTags, ...[...pools].map(poolTag)],
    avoidHosts: avoided(instance),
    ...(zone ? { zone } : {}),
    ...(antiAffinityGroup ? { antiAffinityGroup: `${project}/${antiAffinityGroup}` } : {}),
    ...(onlyHost ? { onlyHosts: [onlyHost] } : {}),
  };
}

/** Hosts that reach a pool carry this tag, whatever else they carry. */
export const poolTag = (pool: string) => `pool:${pool}`;

/** A volume on a host's own disk goes nowhere: its instance starts where it lies. */
function onlyHostOf(
  instance: Instance,
  { pool, volumeHost, station = [] }: Rooted,
): HostId | undefined {
  const tied = pool === "local" && volumeHost ? volumeHost : tiedTo(station);
  if (tied || pool === "local") return tied;
  return isRestart(instance) && instance.recovery === "in-place" ? instance.lastHost : undefined;
}

function avoided(instance: Instance): readonly HostId[] {
  const { avoidHosts, cause, lastHost, recovery } = instance;
  if (!lastHost || !cause || !isRestart(instance)) return avoidHosts;
  const isAway = recovery === "elsewhere" || (recovery === "automatic" && hadPart(cause.class));
  return isAway ? [...new Set([...avoidHosts, lastHost])] : avoidHosts;
}

/** Nobody asked for this start. */
const isRestart = ({ job, cause }: Instance) => !job && cause !== undefined;

/** What the host had a part in: another one is tried first. */
const hadPart = (cause: CauseClass) => meaningOf(cause).recovery === "elsewhere";
