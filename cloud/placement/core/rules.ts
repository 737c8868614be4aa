/**
 * The rules that a host must keep, as a table: rule by rule, what it has and what was needed.
 *
 * This is the definition. The index in `view.ts` answers the same questions faster, and a property
 * test holds the two together; a new rule goes into both.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { roomOf } from "./capacity.ts";
import type { Factors, HostCapacity, PlacementRequest, Rejection, Rule } from "./model.ts";

/** What a verdict rests on besides the host and the request. */
export interface Circumstances {
  readonly factors: Factors;
  /** Where the members of the request's anti-affinity group are. */
  readonly groupHosts: ReadonlySet<HostId>;
}

type Check = (
  host: HostCapacity,
  request: PlacementRequest,
  circumstances: Circumstances,
) => Omit<Rejection, "rule"> | undefined;

export const rules: Readonly<Record<Rule, Check>> = {
  "host-state": ({ state }) => (state === "up" ? undefined : { have: state, need: "up" }),
  "host-mode": ({ mode }) => (mode === "enabled" ? undefined : { have: mode, need: "enabled" }),
  zone: (host, { zone }) =>
    zone === undefined || host.zone === zone ? undefined : { have: host.zone, need: zone },
  tags: (host, { tags }) =>
    tags.every((tag) => host.tags.includes(tag))
      ? undefined
      : { have: host.tags.join(", ") || "none", need: tags.join(", ") },
  "only-hosts": ({ id, name }, { onlyHosts }) =>
    !onlyHosts || onlyHosts.includes(id)
      ? undefined
      : { have: name, need: `one of ${onlyHosts.length} named hosts` },
  avoided: ({ id, name }, { avoidHosts }) =>
    avoidHosts.includes(id)
      ? { have: name, need: "a host where it has not just failed" }
      : undefined,
  "anti-affinity": ({ id }, { antiAffinityGroup }, { groupHosts }) =>
    antiAffinityGroup !== undefined && groupHosts.has(id)
      ? { have: `a member of ${antiAffinityGroup}`, need: `no member of ${antiAffinityGroup}` }
      : undefined,
  cpu: (host, { cpus }, { factors }) => quantity("cpus", roomOf(host, factors).freeCpus, cpus),
  memory: (host, { memoryMiB }, { factors }) =>
    quantity("MiB", roomOf(host, factors).freeMemoryMiB, memoryMiB),
};

const checks = Object.entries(rules) as [Rule, Check][]; // Keys of a literal are its keys.

/** Every rule that the host breaks, in the order of the table. None: it is feasible. */
export function judge(
  host: HostCapacity,
  request: PlacementRequest,
  circumstances: Circumstances,
): readonly Rejection[] {
  const broken: Rejection[] = [];
  for (const [rule, check] of checks) {
    const finding = check(host, request, circumstances);
    if (finding) broken.push({ rule, ...finding });
  }
  return broken;
}

function quantity(unit: "cpus" | "MiB", have: number, need: number) {
  return have >= need ? undefined : { have, need, unit, shortBy: need - have };
}
