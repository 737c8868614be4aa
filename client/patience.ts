/**
 * Waiting for a manager that is away.
 *
 * A manager may be killed and started again while somebody waits for a job; the job does not mind, so
 * neither should they. Only what is safe to ask twice may be asked with patience: reads, and commands
 * that carry an idempotency key.
 */
import { kinds, Problem } from "@holdfast/kernel/problem";
import {
  type Clock,
  type Duration,
  milliseconds,
  minutes,
  seconds,
  since,
} from "@holdfast/kernel/time";

export interface Patience {
  readonly clock: Clock;
  /** How long nobody may answer before the last problem is passed on; `longestSilence` if absent. */
  readonly giveUpAfter?: Duration;
  /** Called before each further try, with what was wrong and for how long it has been. */
  readonly onAway?: (problem: Problem, awayFor: Duration) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A manager restarts in seconds and a database fails over in half a minute; this is for people's hands. */
const longestSilence = minutes(5);

const firstPause = milliseconds(100);
const longestPause = seconds(2);

/** Asks until there is an answer that waiting will not change. Throws that Problem, or the last one. */
export async function patiently<T>(ask: () => Promise<T>, patience: Patience): Promise<T> {
  const { clock, giveUpAfter = longestSilence, onAway, signal } = patience;
  const start = clock.now();
  for (let pause = firstPause; ; pause = milliseconds(Math.min(pause * 2, longestPause))) {
    try {
      return await ask();
    } catch (error) {
      const awayFor = since(start, clock.now());
      if (!isWorthWaiting(error) || awayFor >= giveUpAfter) throw error;
      onAway?.(error, awayFor);
      const wanted = seconds(error.details.retryAfterSeconds ?? 0);
      await pauseFor(clock, milliseconds(Math.min(Math.max(pause, wanted), seconds(10))), signal);
    }
  }
}

/** Sleeps, but no longer than until `signal` says to stop; then throws its reason. */
export async function pauseFor(
  clock: Clock,
  duration: Duration,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!signal) return clock.sleep(duration);
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    clock
      .sleep(duration)
      .finally(() => signal.removeEventListener("abort", stop))
      .then(resolve, reject);
  });
}

const isWorthWaiting = (error: unknown): error is Problem =>
  error instanceof Problem && kinds[error.kind].retry;
