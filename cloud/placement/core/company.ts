/**
 * Where the members of an anti-affinity group are, as places: which zones have one, and which pods.
 *
 * That two members never share a host is a rule (`rules.ts`). That they keep apart further is a wish, and
 * comes before everything else that a planner weighs, concerns about a host included: a host with concerns
 * may fail and then costs one member, which is what the group is there to survive; a zone or a pod that
 * fails costs every member in it at once. A rule was rejected: it would refuse the fourth member of a
 * fleet with three zones.
 */
import type { HostCapacity } from "./model.ts";

/** The zones with a member, and of each the pods with one. */
export type Company = ReadonlyMap<string, ReadonlySet<string>>;

/** 0: nobody of the group is in its zone. 1: somebody is, and nobody in its pod. 2: somebody is in its pod. */
export type Closeness = 0 | 1 | 2;

/**
 * The places of these hosts, on which the members are. Hosts that are down do not count: nothing runs
 * there, and a member that is to be replaced must not keep its replacement out of its own zone.
 */
export function companyOf(hosts: Iterable<HostCapacity>): Company {
  const company = new Map<string, Set<string>>();
  for (const { state, zone, pod } of hosts) {
    if (state === "down") continue;
    const pods = company.get(zone) ?? new Set();
    company.set(zone, pods.add(pod));
  }
  return company;
}

export function closeness({ zone, pod }: HostCapacity, company: Company): Closeness {
  const pods = company.get(zone);
  if (!pods) return 0;
  return pods.has(pod) ? 2 : 1;
}

/** For people: why a host comes before or after another one. Undefined where there is no company to keep. */
export function closenessText(
  host: HostCapacity,
  company: Company,
  group: string | undefined,
): string | undefined {
  if (group === undefined || company.size === 0) return undefined;
  switch (closeness(host, company)) {
    case 0:
      return `in a zone without a member of ${group}`;
    case 1:
      return `in a pod without a member of ${group}`;
    case 2:
      return `in a pod with a member of ${group}`;
  }
}
