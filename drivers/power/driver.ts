/**
 * What Holdfast asks of whatever can switch a host's power: usually a BMC.
 *
 * What counts is the power state that is read back, never the answer to the order: controllers say yes
 * and do nothing, and refuse to switch off what is off. A host that has lost all power cannot be asked
 * at all; that is `power_unreachable`, and it proves nothing.
 */

/** `off` only when the machine is off; anything between off and on is `on`. */
export type PowerState = "on" | "off";

/**
 * Every call rejects with `power_unreachable` when nobody answers in time, `power_unreadable` when
 * the answer says no power state, and `power_forbidden` when the name or password is wrong.
 */
export interface Power {
  readPower(): Promise<PowerState>;
  /**
   * Cut the power, without asking the operating system; resolves once it was read back as off. Off
   * already is off. Rejects with `power_refused` if the order was not taken and `power_unchanged` if it
   * was and the machine stayed on. May be repeated.
   *
   * A controller may be slow or dead for seconds, and orders are given again: `isWanted` is asked before each.
   * Once it is not, nothing more is ordered, and it resolves whatever the power is.
   */
  powerOff(isWanted?: () => Promise<boolean>): Promise<void>;
  /** The same the other way. */
  powerOn(): Promise<void>;
}
