/** What can be limited, and whether something more still fits. Pure. */
import type { ProjectId } from "@holdfast/kernel/ids";
import { type Problem, problem } from "@holdfast/kernel/problem";

/** What a project has of it, and how to have less. */
export const resources = {
  instances: {
    says: "instances",
    less: "expunge some: holdfast destroy NAME, holdfast expunge NAME",
  },
  cpus: {
    says: "vCPUs of instances",
    less: "expunge some, or choose a smaller type: holdfast types",
  },
  memoryMiB: {
    says: "MiB of memory of instances",
    less: "expunge some, or choose a smaller type: holdfast types",
  },
  volumes: { says: "volumes", less: "delete some: holdfast volumes" },
  volumeGiB: { says: "GiB of volumes", less: "delete some: holdfast volumes" },
  snapshots: { says: "snapshots", less: "delete some: holdfast snapshots" },
  backups: { says: "backups", less: "delete some: holdfast backups" },
  addresses: { says: "public addresses that are kept", less: "give some back: holdfast addresses" },
  networks: { says: "networks", less: "delete some: holdfast networks" },
  securityGroups: { says: "security groups", less: "delete some: holdfast groups" },
  images: { says: "images of its own", less: "delete some: holdfast images" },
} as const satisfies Record<string, { readonly says: string; readonly less: string }>;

export type Resource = keyof typeof resources;
export const resourceNames = Object.keys(resources) as [Resource, ...Resource[]]; // In the order of the table.

/** So much of each; absent: nothing, or for limits: no limit. */
export type Amounts = Readonly<Partial<Record<Resource, number>>>;

export function sum(one: Amounts, other: Amounts): Amounts {
  const names = resourceNames.filter(
    (name) => one[name] !== undefined || other[name] !== undefined,
  );
  return Object.fromEntries(names.map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]));
}

/** The first resource of which there would be too much; undefined: it fits. What is not wanted is never too much. */
export function exceeded(most: Amounts, used: Amounts, wanted: Amounts): Problem | undefined {
  for (const name of resourceNames) {
    const [limit, more = 0, have = 0] = [most[name], wanted[name], used[name]];
    if (limit === undefined || more <= 0 || have + more <= limit) continue;
    return quotaExceeded(name, limit, have, more);
  }
  return undefined;
}

function quotaExceeded(name: Resource, limit: number, used: number, wanted: number): Problem {
  const { says, less } = resources[name];
  const round = (amount: number) => Math.round(amount * 100) / 100;
  return problem(
    "exhausted",
    "quota_exceeded",
    `The project may have ${round(limit)} ${says}; it has ${round(used)}, and this needs ${round(wanted)} more.`,
    {
      fix: `Ask an operator for more (holdfast quotas set ${name} N), or ${less}`,
      facts: { resource: name, limit: round(limit), used: round(used), wanted: round(wanted) },
    },
  );
}

export interface Asking<Item> {
  readonly item: Item;
  readonly project: ProjectId;
  readonly wanted: Amounts;
}

/** In the order in which they were asked: what fits, beside those before it, and why the others do not. */
export function admit<Item>(
  asked: readonly Asking<Item>[],
  most: ReadonlyMap<ProjectId, Amounts>,
  used: ReadonlyMap<ProjectId, Amounts>,
): ReadonlyMap<Item, Problem> {
  const taken = new Map(used);
  const refused = new Map<Item, Problem>();
  for (const { item, project, wanted } of asked) {
    const have = taken.get(project) ?? {};
    const why = exceeded(most.get(project) ?? {}, have, wanted);
    if (why) refused.set(item, why);
    else taken.set(project, sum(have, wanted));
  }
  return refused;
}
