/**
 * The rules that a host must keep, as a table: rule by rule, what it has and what was needed.
 *
 * This is the definition. The index in `view.ts` answers the same questions faster, and a property
 * test holds the two together; a new rule goes into both.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { freeCpus, freeMemoryMiB } from "./capacity.ts";
import type { Factors, HostCapacity, PlacementRequest, Rejection, Rule } from "./model.ts";

/** What a verdict rests on besides the host and the request. */
export interface Circumstances {
  readonly factors: Factors;
  /** Where the members of the request's anti-affinity group are. */
  readonly groupHosts: ReadonlySet<HostId>;
}

interface Check {
  /** Whether this host breaks it. Asked of every host for a refusal, so it makes no garbage. */
  readonly breaks: (
    host: HostCapacity,
    request: PlacementRequest,
    circumstances: Circumstances,
  ) => boolean;
  /** What there is and what was needed; only of a host that breaks it. */
  readonly tells: (
    host: HostCapacity,
    request: PlacementRequest,
    circumstances: Circumstances,
  ) => Omit<Rejection, "rule">;
}

export const rules: Readonly<Record<Rule, Check>> = {
  "host-state": {
    breaks: ({ state }) => state !== "up",
    tells: ({ state }) => ({ have: state, need: "up" }),
  },
  "host-mode": {
    breaks: ({ mode }) => mode !== "enabled",
    tells: ({ mode }) => ({ have: mode, need: "enabled" }),
  },
  zone: {
    breaks: (host, { zone }) => zone !== undefined && host.zone !== zone,
    tells: (host, { zone = "" }) => ({ have: host.zone, need: zone }),
  },
  tags: {
    breaks: (host, { tags }) => tags.length > 0 && !tags.every((tag) => host.tags.includes(tag)),
    tells: (host, { tags }) => ({ have: host.tags.join(", ") || "none", need: tags.join(", ") }),
  },
  "only-hosts": {
    breaks: ({ id }, { onlyHosts }) => onlyHosts !== undefined && !onlyHosts.includes(id),
    tells: ({ name }, { onlyHosts = [] }) => ({
      have: name,
      need: `one of ${onlyHosts.length} named hosts`,
    }),
  },
  avoided: {
    breaks: ({ id }, { avoidHosts }) => avoidHosts.includes(id),
    tells: ({ name }) => ({ have: name, need: "a host where it has not just failed" }),
  },
  "anti-affinity": {
    breaks: ({ id }, { antiAffinityGroup }, { groupHosts }) =>
      antiAffinityGroup !== undefined && groupHosts.has(id),
    tells: (_, { antiAffinityGroup: group }) => ({
      have: `a member of ${group}`,
      need: `no member of ${group}`,
    }),
  },
  cpu: {
    breaks: (host, { cpus }, { factors }) => !(freeCpus(host, factors) >= cpus), // Nor what is not a number.
    tells: (host, { cpus }, { factors }) => quantity("cpus", freeCpus(host, factors), cpus),
  },
  memory: {
    breaks: (host, { memoryMiB }, { factors }) => !(freeMemoryMiB(host, factors) >= memoryMiB),
    tells: (host, { memoryMiB }, { factors }) =>
      quantity("MiB", freeMemoryMiB(host, factors), memoryMiB),
  },
};

const checks = Object.entries(rules) as [Rule, Check][]; // Keys of a literal are its keys.
/** In the order of the table. */
export const everyRule: readonly Rule[] = checks.map(([rule]) => rule);
const tests = checks.map(([, { breaks }]) => breaks);

/** Every rule that the host breaks, in the order of the table. None: it is feasible. */
export function judge(
  host: HostCapacity,
  request: PlacementRequest,
  circumstances: Circumstances,
): readonly Rejection[] {
  return rulesIn(brokenBy(host, request, circumstances)).map((rule) => ({
    rule,
    ...rules[rule].tells(host, request, circumstances),
  }));
}

/** Whether the host keeps these rules. */
export const keeps = (
  some: readonly Rule[],
  host: HostCapacity,
  request: PlacementRequest,
  circumstances: Circumstances,
): boolean => some.every((rule) => !rules[rule].breaks(host, request, circumstances));

/** Which rules the host breaks as a set of bits: 0 is feasible. */
export function brokenBy(
  host: HostCapacity,
  request: PlacementRequest,
  circumstances: Circumstances,
): number {
  let broken = 0;
  for (let i = 0; i < tests.length; i++)
    if (tests[i]?.(host, request, circumstances)) broken |= 1 << i;
  return broken;
}

/** The rules in such a set, in the order of the table. */
export const rulesIn = (broken: number): readonly Rule[] =>
  broken === 0 ? none : everyRule.filter((_, i) => broken & (1 << i));

const none: readonly Rule[] = [];

function quantity(unit: "cpus" | "MiB", have: number, need: number) {
  return { have, need, unit, shortBy: need - have };
}
