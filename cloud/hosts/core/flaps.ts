/**
 * Whether a host falls silent so often that it is better avoided.
 *
 * Each silence by itself ends well: the host is heard again, or proven dead and its guests are started
 * elsewhere. But a host that does so again and again takes guests each time it is back, and loses them
 * each time it goes. It stays the last resort until it has been steady for the window, or until an
 * operator enables it, who may have found the loose cable.
 */
import { after, type Duration, type Instant, seconds } from "@holdfast/kernel/time";

export interface FlapLimits {
  /** So many silences within the window are too many. */
  readonly limit: number;
  readonly window: Duration;
}

export interface Flapping {
  readonly says: string;
  /** When fewer than the limit will be within the window, if it stays steady. */
  readonly until: Instant;
}

/** `silences` in any order; those before `enabledAt` were forgiven. Undefined: it is steady enough. */
export function flapping(
  silences: readonly Instant[],
  enabledAt: Instant | undefined,
  { limit, window }: FlapLimits,
  now: Instant,
): Flapping | undefined {
  const recent = silences
    .filter((at) => at > now - window && (enabledAt === undefined || at > enabledAt))
    .toSorted((a, b) => b - a);
  const decisive = recent[limit - 1];
  if (decisive === undefined) return undefined;
  const times = recent.length === 1 ? "once" : `${recent.length} times`;
  return {
    says: `it fell silent ${times} within the last ${spanText(window)}`,
    until: after(decisive, window),
  };
}

const hour = 60 * 60;

function spanText(window: Duration): string {
  const all = Math.round(window / seconds(1));
  if (all === hour) return "hour";
  if (all < 60) return `${all} seconds`;
  if (all < hour) return `${Math.round(all / 60)} minutes`;
  return `${Math.round((all / hour) * 10) / 10} hours`;
}
