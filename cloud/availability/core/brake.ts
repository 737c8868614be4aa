/**
 * When so many hosts are silent at once that it is not the hosts.
 *
 * A switch that dies silences a rack, and to fence the rack would make an outage of it. CloudStack stops at
 * 30 % of a cluster; a zone is allowed less, because what takes a tenth of a zone at once is seldom ten
 * hosts. One host of a pod and two of a zone are always allowed, or small fleets could never recover.
 */
/** How many hosts a pod has, and how many of them are silent. */
export interface Standing {
  readonly pod: string;
  readonly zone: string;
  readonly of: number;
  readonly silent: number;
}

export interface BrakeRules {
  /** Shares between 0 and 1. */
  readonly pod: number;
  readonly zone: number;
}

export interface Braked {
  /** `pod web-1` or `zone default`. */
  readonly domain: string;
  readonly silent: number;
  readonly of: number;
  /** How many would have been let through. */
  readonly allowed: number;
}

/** The domains in which fencing has to stop. `released`: those for which a person has decided otherwise. */
export function brake(
  fleet: readonly Standing[],
  rules: BrakeRules,
  released: ReadonlySet<string> = new Set(),
): readonly Braked[] {
  const domains = new Map<string, { of: number; silent: number; share: number; least: number }>();
  for (const { pod, zone, of, silent } of fleet)
    for (const [domain, share, least] of [
      [podOf(pod), rules.pod, 1],
      [zoneOf(zone), rules.zone, 2],
    ] as const) {
      const known = domains.get(domain) ?? { of: 0, silent: 0, share, least };
      domains.set(domain, { ...known, of: known.of + of, silent: known.silent + silent });
    }
  return [...domains].flatMap(([domain, { of, silent, share, least }]) => {
    const allowed = Math.max(least, Math.floor(of * share));
    return silent > allowed && !released.has(domain) ? [{ domain, silent, of, allowed }] : [];
  });
}

export const podOf = (pod: string) => `pod ${pod}`;
export const zoneOf = (zone: string) => `zone ${zone}`;
