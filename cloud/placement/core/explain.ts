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
import { judge } from "./rules.ts";

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
  const judged = [...hosts]
    .sort(byName)
    .map((host) => ({ host, rejections: judge(host, request, circumstances) }));
  const company = companyOf(hosts.filter(({ id }) => groupHosts.has(id)));
  const ranked = rank(judged, request, options, company);
  const places = new Map(ranked.map((one, place) => [one.host.id, { ...one, place }]));
  return {
    planner: options.planner,
    request,
    chosen: ranked[0]?.host.id,
    hosts: judged.map((one) => verdict(one, places.get(one.host.id), ranked.length)),
    summary: summarize(judged),
    nearestFixes: ranked.length > 0 ? [] : nearestFixes(judged, request, circumstances),
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

function summarize(judged: readonly Judged[]): Explanation["summary"] {
  const counts = new Map<Rule, number>();
  for (const { rejections } of judged)
    for (const { rule } of rejections) counts.set(rule, (counts.get(rule) ?? 0) + 1);
  return [...counts]
    .map(([rule, hosts]) => ({ rule, hosts }))
    .sort((a, b) => b.hosts - a.hosts || (a.rule < b.rule ? -1 : 1));
}
