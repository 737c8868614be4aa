/**
 * What Holdfast asks of a watchdog: something outside of the guard that resets the host unless it is
 * petted in time.
 *
 * Letting go of one never disarms it. That is the point: a guard that is killed must not take the
 * protection with it. Its successor opens the watchdog again and goes on petting.
 */
import { type Duration, milliseconds } from "@holdfast/kernel/time";

/** `software` is a timer of the very kernel that may hang, and so a weaker promise than `hardware`. */
export type WatchdogKind = "hardware" | "software" | "simulated" | "none";

export interface Watchdog {
  readonly kind: WatchdogKind;
  /** For people and logs: what the device calls itself. */
  readonly identity: string;
  /** True while it would fire if it were not petted, as far as is known here. */
  isArmed(): boolean;
  /**
   * Start it, and pet it. Resolves with the time it really has, which a device may have rounded up or
   * may not let us choose: compare it with what was asked for. Arming again is fine. Rejects with
   * `watchdog_busy`, `watchdog_missing`, `watchdog_unusable` or `watchdog_silent`.
   */
  arm(timeout: Duration): Promise<Duration>;
  /** Not now, but in a while. At once, without waiting for anything. False if it could not be told. */
  pet(): boolean;
  /** Make sure that it will not fire. Rejects with `watchdog_stays_armed` where that cannot be had. */
  disarm(): Promise<void>;
  /** Let go of it as it is. */
  close(): void;
}

/** For hosts that have none: nothing is ever armed, so nobody may wait for it to fire. */
export const noWatchdog: Watchdog = {
  kind: "none",
  identity: "none",
  isArmed: () => false,
  arm: async () => milliseconds(0),
  pet: () => true,
  disarm: async () => {},
  close: () => {},
};
