/** Who has tried passwords how often, in this manager's memory. It is bounded: the least recent are forgotten first. */
import { type Clock, type Duration, minutes } from "@holdfast/kernel/time";
import { type DelayRules, type Tries, tried, waitOf } from "../core/delay.ts";
import { sourceOf } from "../core/source.ts";
import { tooFast } from "./access.ts";

/** Behind an address may be an office. */
const [longestForName, longestForSource] = [minutes(5), minutes(15)];
const manyInAnOffice = 4;
const mostRemembered = 20_000;

export interface PasswordTries {
  /** Counts one that begins, so that a thousand at once are a thousand. Rejects with `rate_limited`, uncounted. */
  begin(name: string, address: string): void;
  /** It was right. */
  forgive(name: string, address: string): void;
}

/** `free`: wrong ones that cost nothing, for one name. */
export function passwordTries(clock: Clock, free: () => number): PasswordTries {
  const [names, sources] = [new Map<string, Tries>(), new Map<string, Tries>()];
  const rules = () =>
    [
      { free: free(), longest: longestForName },
      { free: free() * manyInAnOffice, longest: longestForSource },
    ] as const;

  return {
    begin(name, address) {
      const [ofName, ofSource] = rules();
      const [source, now] = [sourceOf(address), clock.now()];
      const wait = Math.max(
        waitOf(names.get(name), ofName, now),
        waitOf(sources.get(source), ofSource, now),
      ) as Duration; // The longer of two.
      if (wait > 0) throw tooFast(wait);
      count(names, name, ofName);
      count(sources, source, ofSource);
    },
    forgive(name, address) {
      names.delete(name);
      const source = sourceOf(address);
      const known = sources.get(source);
      if (known) sources.set(source, { ...known, count: known.count - 1 });
    },
  };

  function count(all: Map<string, Tries>, who: string, rule: DelayRules): void {
    const next = tried(all.get(who), rule, clock.now());
    all.delete(who); // Back in at the end.
    all.set(who, next);
    if (all.size > mostRemembered) for (const [oldest] of all) return void all.delete(oldest);
  }
}
