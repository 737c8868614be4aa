/**
 * Says why: a verdict for every host, how often each rule refused, and what single change would help.
 *
 * A dry run. It walks all hosts, so it is for refusals and for people who ask, not for each placement.
 * It rests on `judge` and `rank`, while `choose` rests on an index; a property test holds that both
 * give the same host.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { companyOf } from "./company.ts";
import { nearestFixes } from "./fixes.ts";
import type {
  Explanation,
  HostCapacity,
  PlacementOptions,
  PlacementRequest,
  Rule,
  Verdict,
} from "./model.ts";
import type { Picture } from "./picture.ts";
import { byName, type Judged, type Ranked, rank } from "./rank.ts";
import { brokenBy, judge, rulesIn } from "./rules.ts";

export interface ExplainOptions extends PlacementOptions {
  /** Where the members of the request's anti-affinity group are. */
  readonly groupHosts?: ReadonlySet<HostId>;
}

export function explain(
  hosts: readonly HostCapacity[],
  request: PlacementRequest,
  options: ExplainOptions,
): Explanation {
  const groupHosts = options.groupHosts ?? new Set<HostId>();
  const circumstances = { factors: options.factors, groupHosts };
  const sorted = [...hosts].sort(byName);
  const judged = sorted.map((host) => ({ host, rejections: judge(host, request, circumstances) }));
  const broken = sorted.map((host) => brokenBy(host, request, circumstances));
  const company = companyOf(hosts.filter(({ id }) => groupHosts.has(id)));
  const ranked = rank(judged, request, options, company);
  const places = new Map(ranked.map((one, place) => [one.host.id, { ...one, place }]));
  return {
    planner: options.planner,
    request,
    chosen: ranked[0]?.host.id,
    hosts: judged.map((one) => verdict(one, places.get(one.host.id), ranked.length)),
    asked: judged.length,
    summary: summaryOf(broken),
    nearestFixes: ranked.length > 0 ? [] : nearestFixes(sorted, broken, request, circumstances),
  };
}

/** The same of a picture: what `choose` would do now, and why. */
export function explainIn(
  picture: Picture,
  request: PlacementRequest,
  options: PlacementOptions,
): Explanation {
  const groupHosts = picture.membersOf(request.antiAffinityGroup);
  return explain(picture.hosts(), request, { ...options, groupHosts });
}

/** Of how many hosts a brief explanation has a verdict, besides those that the request names. */
const mostVerdicts = 32;

/**
 * Why `choose` has just found nobody: the same, but with the verdicts of a few hosts only. In a large fleet those of
 * all are most of the work, and nobody who is refused reads them.
 */
export function explainBriefly(
  picture: Picture,
  request: PlacementRequest,
  options: PlacementOptions,
): Explanation {
  const hosts = picture.hosts();
  const groupHosts = picture.membersOf(request.antiAffinityGroup);
  const circumstances = { factors: options.factors, groupHosts };
  const broken = hosts.map((host) => brokenBy(host, request, circumstances));
  if (broken.includes(0)) return explainIn(picture, request, options);
  const named = new Set(request.onlyHosts);
  const shown = hosts.filter(({ id }, index) => index < mostVerdicts || named.has(id));
  return {
    planner: options.planner,
    request,
    chosen: undefined,
    hosts: shown.map((host) => {
      const rejections = judge(host, request, circumstances);
      return verdict({ host, rejections }, undefined, 0);
    }),
    asked: hosts.length,
    summary: summaryOf(broken),
    nearestFixes: nearestFixes(hosts, broken, request, circumstances),
  };
}

function verdict(
  { host, rejections }: Judged,
  ranked: (Ranked & { readonly place: number }) | undefined,
  feasible: number,
): Verdict {
  const about = { host: host.id, name: host.name, rejections, concerns: host.concerns };
  if (!ranked) return { ...about, verdict: "rejected" };
  const score = feasible - 1 - ranked.place;
  return {
    ...about,
    verdict: ranked.place === 0 ? "chosen" : "feasible",
    score,
    merit: ranked.merit,
  };
}

/** Of the set of rules that each host broke. */
function summaryOf(broken: readonly number[]): Explanation["summary"] {
  const counts = new Map<number, number>();
  for (const rules of broken) counts.set(rules, (counts.get(rules) ?? 0) + 1);
  const byRule = new Map<Rule, number>();
  for (const [rules, hosts] of counts)
    for (const rule of rulesIn(rules)) byRule.set(rule, (byRule.get(rule) ?? 0) + hosts);
  return [...byRule]
    .map(([rule, hosts]) => ({ rule, hosts }))
    .sort((a, b) => b.hosts - a.hosts || (a.rule < b.rule ? -1 : 1));
}
