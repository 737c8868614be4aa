/** What fencing knows of, for whoever asks what is wrong: brakes, and what each silent host waits for. */
import type { Trouble, TroubleSource } from "@holdfast/cloud/checks";
import { nobodyElse } from "@holdfast/cloud/checks";
import type { Instant } from "@holdfast/kernel/time";
import type { Braked } from "../core/brake.ts";
import type { Fencer } from "./fencer.ts";

export function fencingTroubles(fencing: Fencer): TroubleSource {
  /** A brake has no row of its own; this manager remembers when it saw it first. */
  const since = new Map<string, Instant>();
  return async ({ project, now }) => {
    const braked = fencing.braked();
    for (const domain of since.keys())
      if (!braked.some((one) => one.domain === domain)) since.delete(domain);
    if (project !== undefined) return [];
    return braked.map((one) => {
      const first = since.get(one.domain) ?? now;
      since.set(one.domain, first);
      return brakeTrouble(one, first);
    });
  };
}

const brakeTrouble = ({ domain, silent, of, allowed }: Braked, since: Instant): Trouble => ({
  code: "fencing-braked",
  severity: "outage",
  subject: { kind: domain.startsWith("zone ") ? "zone" : "platform", id: domain, name: domain },
  project: undefined,
  since,
  says: `${silent} of its ${of} hosts are silent at once, more than the ${allowed} that could be a coincidence.`,
  affects: nobodyElse,
  doing:
    "Nothing is fenced there: it looks like their network or power, and not like the hosts. Whoever is heard again is taken back.",
  fix: `Look at the switch and the power first. If they really are dead: holdfast fencing release "${domain}"`,
});
