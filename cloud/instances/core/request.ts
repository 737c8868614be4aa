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
  /** It is to come back to this one, which was taken from under it for planned work. */
  readonly returnsTo?: HostId | undefined;
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
    avoidHosts: avoided(instance, root),
    ...(zone ? { zone } : {}),
    ...(antiAffinityGroup ? { antiAffinityGroup: `${project}/${antiAffinityGroup}` } : {}),
    ...(onlyHost ? { onlyHosts: [onlyHost] } : {}),
  };
}

/** Hosts that reach a pool carry this tag, whatever else they carry. */
const poolTag = (pool: string) => `pool:${pool}`;

/** A volume on a host's own disk goes nowhere: its instance starts where it lies. */
function onlyHostOf(
  instance: Instance,
  { pool, volumeHost, returnsTo, station = [] }: Rooted,
): HostId | undefined {
  const tied = pool === "local" && volumeHost ? volumeHost : tiedTo(station);
  if (tied || pool === "local") return tied;
  if (returnsTo) return returnsTo;
  const isInPlace = instance.recovery === "in-place" && instance.cause?.class !== "maintenance";
  return isRestart(instance) && isInPlace ? instance.lastHost : undefined;
}

function avoided(instance: Instance, { returnsTo }: Rooted): readonly HostId[] {
  const { avoidHosts, cause, lastHost, recovery } = instance;
  if (returnsTo || !lastHost || !cause || !isRestart(instance)) return avoidHosts;
  // Whoever stays where it is when it dies leaves a host that is being emptied.
  if (cause.class === "maintenance") return [...new Set([...avoidHosts, lastHost])];
  const isAway = recovery === "elsewhere" || (recovery === "automatic" && hadPart(cause.class));
  return isAway ? [...new Set([...avoidHosts, lastHost])] : avoidHosts;
}

/** Nobody asked for this start. */
const isRestart = ({ job, cause }: Instance) => !job && cause !== undefined;

/** What the host had a part in: another one is tried first. */
const hadPart = (cause: CauseClass) => meaningOf(cause).recovery === "elsewhere";
