/**
 * What to do about a host that has fallen silent.
 *
 * Silence proves nothing. Something must have made sure that its guests cannot write any more before they
 * are started elsewhere, and the first of these to arrive is written down as the proof: its power was read
 * back as off, its volumes were taken away from it, or its watchdog must have reset it by now. (A new boot id and a person's word arrive by
 * themselves, and are nobody's decision here.)
 *
 * Success is a state that was read, never a command that was sent: a chassis that was off already is off,
 * and one whose controller died with it is left to the watchdog. CloudStack waits for the command to
 * succeed, and a total power loss is for ever.
 */
import {
  after,
  type Duration,
  type Instant,
  milliseconds,
  seconds,
  since,
} from "@holdfast/kernel/time";

export interface SilentHost {
  readonly silentSince: Instant;
  /** By when it has ended what it may not run, by the terms it was told; undefined: by today's. */
  readonly endsBy: Instant | undefined;
  /** What its guard attested when it was last heard: an armed watchdog of this kind. */
  readonly watchdog: "hardware" | "software" | "simulated" | undefined;
  /**
   * Since when some other host has shown itself, without a gap, in every pool that this one shares. Until
   * its guard could see that, it had reason to believe that nobody could start its guests elsewhere.
   * `alone`: it shares no pool, so nothing of it can be started elsewhere.
   */
  readonly seenSince: Instant | "alone" | undefined;
  /** When the clock that all of these are read from last jumped; undefined: not that anybody saw. */
  readonly steadySince: Instant | undefined;
  readonly power: Power;
  /** The same of its volumes, and whoever can take all of them away from it. */
  readonly storage: Power;
  /** The failure domain that is braked, if one of its own is. */
  readonly brakedBy: string | undefined;
}

/** What is known of its power controller, or of another way to stop it from outside. */
export type Power =
  | { readonly is: "absent" }
  | { readonly is: "idle"; readonly notBefore: Instant }
  | { readonly is: "busy" };

export interface FencingRules {
  readonly lease: Duration;
  readonly killBudget: Duration;
  readonly watchdog: Duration;
  readonly acceptsSoftware: boolean;
}

export interface FencingSteps {
  /** Begin to switch it off, now. */
  readonly powerOff: boolean;
  /** Begin to take its volumes away from it, now. */
  readonly cutStorage: boolean;
  /** Its watchdog has reset it by now: this is the proof. */
  readonly isBoundOver: boolean;
  /** What is waited for, for people; and until when, if that is known. */
  readonly waitingFor: string;
  readonly until: Instant | undefined;
}

/** For messages that take their time, and for clocks that drift by a percent: twice that, where it is more. */
const margin = seconds(1);
const drift = 0.02;

/** From the last renewal that was handled to the moment at which its watchdog has certainly fired. */
export function watchdogBound({
  lease,
  killBudget,
  watchdog,
}: Pick<FencingRules, "lease" | "killBudget" | "watchdog">): Duration {
  const span = lease + Math.max(killBudget, watchdog);
  return milliseconds(span + Math.max(margin, span * drift));
}

export function fence(host: SilentHost, rules: FencingRules, now: Instant): FencingSteps {
  const { power, storage, brakedBy } = host;
  if (brakedBy)
    return {
      powerOff: false,
      cutStorage: false,
      isBoundOver: false,
      waitingFor: `a person: so much of ${brakedBy} is silent at once that its network is to blame, not its hosts`,
      until: undefined,
    };
  const bound = boundOf(host, rules);
  return {
    powerOff: power.is === "idle" && now >= power.notBefore,
    cutStorage: storage.is === "idle" && now >= storage.notBefore,
    isBoundOver: bound !== undefined && now >= bound,
    waitingFor: hope(host, bound),
    until: bound,
  };
}

function boundOf(host: SilentHost, rules: FencingRules): Instant | undefined {
  const { silentSince, endsBy, seenSince, steadySince, watchdog } = host;
  if (!watchdog || (watchdog === "software" && !rules.acceptsSoftware)) return undefined;
  if (seenSince === undefined || seenSince === "alone") return undefined;
  const span = endsBy === undefined ? watchdogBound(rules) : since(silentSince, endsBy);
  // Its guard gives its guests up only once it can see that somebody is there to take them; and of a time
  // before the clock jumped, nobody can say how long ago it was.
  const from = Math.max(silentSince, seenSince, steadySince ?? silentSince) as Instant; // One of them.
  return after(from, span);
}

function hope(
  { power, storage, watchdog, seenSince }: SilentHost,
  bound: Instant | undefined,
): string {
  if (power.is !== "absent") return "its power to be read back as off";
  if (storage.is !== "absent") return "its volumes to be taken away from it";
  if (bound !== undefined) return "its watchdog to have reset it for certain";
  if (seenSince === "alone") return "it to come back: its guests are on its own disks";
  if (watchdog && seenSince === undefined) return "another host that shares its pool";
  return "it to come back, or a person's word that it is off: it has neither a power controller nor a watchdog";
}
