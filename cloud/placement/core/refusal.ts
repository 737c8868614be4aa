/**
 * "Insufficient capacity" as the caller sees it: what was asked, how many hosts said no to what, and
 * what would help.
 *
 * The verdicts name hosts. Whoever answers people that may not see the fleet must take them out.
 */
import { type Problem, problem } from "@holdfast/kernel/problem";
import { sizeText } from "./fixes.ts";
import type { Explanation, PlacementRequest, Rule } from "./model.ts";

/** Why a host said no, so that a number can stand before it. */
const phrases: Readonly<Record<Rule, string>> = {
  "host-state": "not up",
  "host-mode": "not enabled",
  zone: "in another zone",
  tags: "without the tags",
  "only-hosts": "not among those allowed",
  avoided: "avoided after a failure",
  "anti-affinity": "taken by the anti-affinity group",
  cpu: "short of cpus",
  memory: "short of memory",
};

/** It is written down with each instance that it is told to: the first few hosts tell the story. */
const mostNamed = 32;

/** For an explanation that chose nobody. */
export function refusal(explanation: Explanation): Problem {
  const { request, summary, nearestFixes } = explanation;
  // Nobody can allow another host: the platform itself named the one that has the volume.
  const change = nearestFixes.find(({ kind }) => kind !== "allow-host")?.change;
  const nearest = change ? ` Nearest change: ${change}.` : "";
  const why = whyOnly(explanation) ?? whyAll(explanation);
  const message = `No host can take ${sizeText(request) || "this"}. ${why}${nearest}`;
  const fix = change
    ? `${change.charAt(0).toUpperCase()}${change.slice(1)}, then ask again.`
    : "Look at the verdict of each host: no single change would help.";
  return problem("exhausted", "insufficient_capacity", message, {
    fix,
    facts: {
      hosts: explanation.hosts.slice(0, mostNamed),
      summary,
      nearestFixes: nearestFixes.map((one) => ({
        ...one,
        wouldAdmit: one.wouldAdmit.slice(0, mostNamed),
      })),
    },
  });
}

/** The same of one that nobody has looked into, because too many others were refused with it. */
export function unexplained(request: PlacementRequest): Problem {
  const message = `No host can take ${sizeText(request) || "this"}. Too many different requests were refused at once to say of each why.`;
  return problem("exhausted", "insufficient_capacity", message, {
    fix: "Ask why: holdfast placement explain",
  });
}

/** What speaks against the only host that may have it, as where a volume is on that host's own disks. */
function whyOnly({ request: { onlyHosts = [] }, hosts }: Explanation): string | undefined {
  const [only] = hosts.filter(({ host }) => onlyHosts.includes(host));
  if (!only || onlyHosts.length > 1) return undefined;
  const reasons = only.rejections.map(({ rule }) => phrases[rule]).join(" and ");
  return `It may run on ${only.name} alone, and that is ${reasons}.`;
}

function whyAll({ asked, summary }: Explanation): string {
  const counts = summary.map(({ rule, hosts }) => `${hosts} ${phrases[rule]}`).join(", ");
  return asked === 0
    ? "There are no hosts."
    : `Of ${asked} ${asked === 1 ? "host" : "hosts"}: ${counts}.`;
}
