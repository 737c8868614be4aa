/**
 * From one look to the next: what a check becomes, and what the checks of an instance come to.
 *
 * Two failures in a row make a check fail, because one look can hit a host that is busy for a second, and
 * an alarm that cries wolf is switched off. One success makes it pass again, because success cannot be an
 * accident: a hypervisor, a disk or a guest that has just answered is there. Asymmetry costs nothing here:
 * whoever wants a calmer alarm gives it more periods.
 */
import { homed } from "@holdfast/cloud/instances";
import { type Instant, milliseconds } from "@holdfast/kernel/time";
import {
  type Check,
  type CheckName,
  type Checks,
  checkNames,
  type HostSeen,
  type Limits,
  type Subject,
  type Summary,
  type Verdict,
  type Verdicts,
} from "./model.ts";

/** What all three become. `before` must be of the same launch, or absent. */
export function advance(
  before: Checks | undefined,
  verdicts: Verdicts,
  limits: Pick<Limits, "failures">,
  now: Instant,
): Checks {
  const next = (name: CheckName) => step(before?.[name], verdicts[name], limits, now);
  return { system: next("system"), instance: next("instance"), volume: next("volume") };
}

function step(
  before: Check | undefined,
  verdict: Verdict,
  { failures: enough }: Pick<Limits, "failures">,
  now: Instant,
): Check {
  const { says, fix, is } = verdict;
  if (is !== "failed") return become(before, is, { says, fix, failures: 0 }, undefined, now);
  const failures = (before?.failures ?? 0) + 1;
  const began = before?.failures ? (before.impairedSince ?? now) : now;
  if (failures >= enough)
    return become(before, "failed", { says, fix, failures: enough }, began, now);
  // Not yet: it stays what it was, and what was seen is remembered.
  const status = before?.status ?? "initializing";
  return become(before, status, { says, fix, failures }, began, now);
}

function become(
  before: Check | undefined,
  status: Check["status"],
  rest: Pick<Check, "says" | "fix" | "failures">,
  impairedSince: Instant | undefined,
  now: Instant,
): Check {
  const changedAt = before?.status === status ? before.changedAt : now;
  return { status, ...rest, impairedSince, changedAt };
}

/**
 * The checks as they are to be shown now, which is more than what was last seen: of a host that has fallen
 * silent nothing arrives any more, and that itself is a failure of `system`.
 */
export function present(
  subject: Subject,
  known: Checks | undefined,
  limits: Limits,
  now: Instant,
): { readonly summary: Summary; readonly checks: Checks } {
  const { state, host } = subject;
  if (!homed.has(state) || !host || state === "stopping") {
    const says = `It is ${state}: there is nothing to check.`;
    return { summary: "not-applicable", checks: all(() => idle("insufficient-data", says, now)) };
  }
  const patience = limits.interval * limits.failures;
  const silence = host.unheardFor ?? patience;
  if (host.state !== "up" && silence >= patience) {
    const checks = silenced(host, known, milliseconds(silence), now);
    return { summary: summarize(checks), checks };
  }
  // One round may be late, and its message may wait for its turn.
  const isStale = (host.uncheckedFor ?? Number.POSITIVE_INFINITY) > patience + limits.interval;
  const checks = known
    ? isStale && host.state === "up"
      ? all(() =>
          idle("insufficient-data", `The agent of ${host.name} has sent no checkup lately.`, now),
        )
      : all((name) => shown(known[name]))
    : all(() => idle("initializing", "It has not been looked at yet.", now));
  return { summary: summarize(checks), checks };
}

/** A failure that does not count yet is told, and does not look like one that does. */
const shown = (check: Check): Check =>
  check.status === "failed" || check.failures === 0
    ? check
    : {
        ...check,
        impairedSince: undefined,
        fix: undefined,
        says: `The last look was bad, which does not count yet: ${check.says}`,
      };

function silenced(
  host: HostSeen,
  known: Checks | undefined,
  silence: number,
  now: Instant,
): Checks {
  const since = (now - silence) as Instant; // A difference of two moments.
  const what =
    host.state === "down"
      ? `Its host ${host.name} is proven down.`
      : `Its host ${host.name} has not been heard for ${Math.round(silence / 1_000)} s.`;
  const says = `What it does cannot be seen while ${host.name} is silent.`;
  return {
    system: {
      status: "failed",
      failures: 1,
      impairedSince: known?.system.impairedSince ?? since,
      changedAt: since,
      says: what,
      fix: "The platform looks for a proof that it is off, then starts it elsewhere: holdfast health",
    },
    instance: { ...idle("insufficient-data", says, now), changedAt: since },
    volume: { ...idle("insufficient-data", says, now), changedAt: since },
  };
}

export function summarize(checks: Checks): Summary {
  const has = (status: Check["status"]) =>
    checkNames.some((name) => checks[name].status === status);
  if (has("failed")) return "impaired";
  if (has("initializing")) return "initializing";
  return has("insufficient-data") ? "insufficient-data" : "ok";
}

const idle = (status: Check["status"], says: string, now: Instant): Check => ({
  status,
  failures: 0,
  impairedSince: undefined,
  changedAt: now,
  says,
  fix: undefined,
});

const all = (make: (name: CheckName) => Check): Checks => ({
  system: make("system"),
  instance: make("instance"),
  volume: make("volume"),
});
