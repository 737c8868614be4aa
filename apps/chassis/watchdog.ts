/**
 * The simulated watchdog of a host, and what it remembers beyond the life of this process.
 *
 * It stands still while the room is not there, because nobody can reach it then; when the room is back,
 * whoever has to pet it gets a moment to find it again. It is never forgotten: a host that was cut off
 * while the room was away is reset all the same.
 */
import { type WatchdogTwin, watchdogTwin } from "@holdfast/drivers/watchdog/simulated";
import type { Logger } from "pino";
import type { Host } from "./host.ts";

interface WatchdogOptions {
  readonly host: Pick<Host, "state" | "change" | "bite"> & {
    readonly plan: Pick<Host["plan"], "name" | "watchdogSocket">;
  };
  readonly isAtRest: () => boolean;
  /** Milliseconds on the steady clock. */
  readonly now: () => number;
  readonly log: Logger;
}

/** For a guard to connect again after the room was away, in milliseconds. */
const grace = 2_000;

export function openWatchdog({ host, isAtRest, now, log }: WatchdogOptions): Promise<WatchdogTwin> {
  const before = host.state().watchdog;
  return watchdogTwin(host.plan.watchdogSocket, fire, {
    known: before
      ? { timeout: before.milliseconds, firesIn: Math.max(before.firesAt - now(), grace) }
      : undefined,
    onChange(milliseconds) {
      // A last pet may be heard when its guard has ended for good: it would be armed until the next `up`, or boot.
      if (isAtRest() || host.state().power !== "on") return;
      const armed =
        milliseconds === undefined ? null : { milliseconds, firesAt: now() + milliseconds };
      host.change({ watchdog: armed });
    },
  });

  function fire(): void {
    // Switched off since it was armed: it has been without power, too.
    if (isAtRest() || host.state().watchdog === null) return;
    host.bite().catch((error: unknown) => {
      log.error({ host: host.plan.name, error }, "its reset is not done yet; tried again");
    });
  }
}
