/**
 * What each planner means, over a plain list: all feasible hosts, the best first.
 *
 * Linear in the number of hosts, so it serves explanations and short lists. `choose` gives the same
 * first host out of an index. For a member of an anti-affinity group, hosts far from the others come
 * first (`company.ts`). Then healthy hosts come before hosts with concerns under every planner, and
 * ties go to the name that sorts first by code units (`host-10` is before `host-2`), then to the id.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { unreachable } from "@holdfast/kernel/unreachable";
import { freeShare, type Room, roomOf } from "./capacity.ts";
import { type Company, closeness, closenessText } from "./company.ts";
import type {
  HostCapacity,
  PlacementOptions,
  PlacementRequest,
  Planner,
  Rejection,
  Rule,
} from "./model.ts";

export interface Judged {
  readonly host: HostCapacity;
  readonly rejections: readonly Rejection[];
}

export interface Ranked {
  readonly host: HostCapacity;
  /** What the planner looked at, in words. */
  readonly merit: string;
}

interface Candidate {
  readonly host: HostCapacity;
  readonly room: Room;
  readonly share: number;
  readonly podShare: number;
}

export function rank(
  judged: readonly Judged[],
  request: PlacementRequest,
  { planner, factors }: PlacementOptions,
  /** Where the members of the request's group are, also those on hosts that are not judged here. */
  company: Company,
): readonly Ranked[] {
  const pods = new Map<string, Room>();
  for (const { host, rejections } of judged) {
    if (rejections.some(({ rule }) => excludes.has(rule))) continue;
    pods.set(podKey(host), sum(pods.get(podKey(host)), roomOf(host, factors)));
  }
  return judged
    .filter(({ rejections }) => rejections.length === 0)
    .map(({ host }): Candidate => {
      const room = roomOf(host, factors);
      const pod = pods.get(podKey(host)) ?? room;
      return { host, room, share: freeShare(room), podShare: freeShare(pod) };
    })
    .sort(
      (a, b) =>
        closeness(a.host, company) - closeness(b.host, company) ||
        worry(a.host) - worry(b.host) ||
        compare(a, b, planner),
    )
    .map((candidate, index) => {
      const apart = closenessText(candidate.host, company, request.antiAffinityGroup);
      const merit = meritOf(candidate, request, planner, index);
      return { host: candidate.host, merit: apart ? `${apart}; ${merit}` : merit };
    });
}

/** Name order, which breaks every tie. */
export function byName(
  a: { readonly name: string; readonly id: HostId },
  b: { readonly name: string; readonly id: HostId },
): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** A pod belongs to a zone: two zones may each have a `pod-1`. */
export const podName = ({ zone, pod }: HostCapacity) => `${zone}/${pod}`;

/**
 * A host that breaks one of these is no part of what `spread` weighs its pod by. The others are about
 * this one request or about this moment, and a full host is very much a part of how full its pod is.
 */
const excludes: ReadonlySet<Rule> = new Set<Rule>([
  "host-state",
  "host-mode",
  "zone",
  "tags",
  "only-hosts",
]);

function compare(a: Candidate, b: Candidate, planner: Planner): number {
  switch (planner) {
    case "first-fit":
      return byName(a.host, b.host);
    case "best-fit":
      return (
        a.room.freeMemoryMiB - b.room.freeMemoryMiB ||
        a.room.freeCpus - b.room.freeCpus ||
        byName(a.host, b.host)
      );
    case "spread": {
      const pods = b.podShare - a.podShare || byText(podName(a.host), podName(b.host));
      return pods || b.share - a.share || byName(a.host, b.host);
    }
    default:
      return unreachable(planner);
  }
}

function meritOf(
  { room, share, podShare, host }: Candidate,
  { cpus, memoryMiB }: PlacementRequest,
  planner: Planner,
  index: number,
): string {
  switch (planner) {
    case "first-fit":
      return `number ${index + 1} of the hosts that fit, in name order`;
    case "best-fit":
      return `${room.freeMemoryMiB - memoryMiB} MiB and ${room.freeCpus - cpus} cpus left after placing`;
    case "spread":
      return `pod ${host.pod} is ${percent(podShare)} free, the host ${percent(share)}`;
    default:
      return unreachable(planner);
  }
}

const worry = ({ concerns }: HostCapacity) => (concerns.length > 0 ? 1 : 0);
const podKey = (host: HostCapacity) => `${worry(host)} ${podName(host)}`;
const percent = (share: number) => `${Math.round(share * 100)} %`;
const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function sum(a: Room | undefined, b: Room): Room {
  if (!a) return b;
  return {
    cpus: a.cpus + b.cpus,
    memoryMiB: a.memoryMiB + b.memoryMiB,
    freeCpus: a.freeCpus + b.freeCpus,
    freeMemoryMiB: a.freeMemoryMiB + b.freeMemoryMiB,
  };
}
