/**
 * What would prove a host dead if it fell silent now, in words.
 *
 * From the same facts that fencing.ts decides by. A watchdog that is armed is not always a proof: while no
 * other host shows itself in the pool, the guard has reason to keep its guests, and goes on petting.
 */
import { type Duration, seconds } from "@holdfast/kernel/time";
import { type FencingRules, type SilentHost, watchdogBound } from "./fencing.ts";

export interface Forecasted extends Pick<SilentHost, "watchdog" | "seenSince"> {
  readonly state: "up" | "suspect" | "down";
  readonly hasPower: boolean;
}

/** `host` is undefined for one that was never heard. */
export function forecast(host: Forecasted | undefined, rules: FencingRules): string {
  if (!host) return "nothing: it was never heard, so nothing can be running there";
  if (host.state === "down") return "it is proven dead already, and comes back by itself";
  const ways = [...byPower(host, rules), ...byWatchdog(host, rules)];
  if (ways.length > 0) return `${ways.join("; or ")}; counted from its last word`;
  if (host.watchdog && host.seenSince === "alone")
    return "its return, or a person's word: it shares no pool, so nobody could start its guests elsewhere";
  return "its return, or a person's word: it has neither a power controller nor a watchdog that counts";
}

function byPower({ hasPower }: Forecasted, { lease }: FencingRules): readonly string[] {
  return hasPower ? [`its power read back as off, soon after ${inSeconds(lease)}`] : [];
}

function byWatchdog(host: Forecasted, rules: FencingRules): readonly string[] {
  const { watchdog, seenSince } = host;
  if (!watchdog || seenSince === "alone") return [];
  if (watchdog === "software" && !rules.acceptsSoftware) return [];
  const bound = inSeconds(watchdogBound(rules));
  return seenSince === undefined
    ? [`its ${watchdog} watchdog, ${bound} after another host has shown itself in its pools`]
    : [`its ${watchdog} watchdog, after ${bound}`];
}

const inSeconds = (duration: Duration) => `${duration / seconds(1)} s`;
