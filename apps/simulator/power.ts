/**
 * The power controllers of simulated hosts. What one reads is always true; everything else may be wrong with it.
 *
 * A controller that says "off" of a host that is on is outside of what the platform promises to survive.
 */
import type { PowerController } from "@holdfast/cloud/availability/edge";
import type { SwitchedMachine } from "@holdfast/drivers/power/simulated";
import { problem } from "@holdfast/kernel/problem";
import { after, sleepFor } from "./time.ts";

export type PowerMood =
  | "well"
  /** Nobody answers. */
  | "dead"
  /** It does not take orders. */
  | "refuses"
  /** It takes them and does nothing. */
  | "lies"
  /** It takes them, and does them long after its deadline. */
  | "slow";

export interface PowerBox {
  mood: PowerMood;
  readonly machine: SwitchedMachine;
}

const patience = 5_000;
const late = 8_000;
const reading = 50;

export function simulatedPower(box: PowerBox): PowerController {
  return {
    async readPower() {
      await reachable();
      return box.machine.isOn() ? "on" : "off";
    },
    async powerOff(isWanted) {
      await reachable();
      if (!box.machine.isOn()) return;
      if (!(await isWanted())) return;
      await order(() => box.machine.off());
      if (box.machine.isOn()) throw problem("unavailable", "power_unchanged", "It stays on.");
    },
    async powerOn() {
      await reachable();
      if (box.machine.isOn()) return;
      await order(() => box.machine.on());
      if (!box.machine.isOn()) throw problem("unavailable", "power_unchanged", "It stays off.");
    },
  };

  async function reachable(): Promise<void> {
    await sleepFor(reading);
    if (box.mood !== "dead") return;
    await sleepFor(patience);
    throw problem("unavailable", "power_unreachable", "The controller does not answer.");
  }

  async function order(act: () => Promise<void>): Promise<void> {
    switch (box.mood) {
      case "refuses":
        throw problem("unavailable", "power_refused", "The controller refuses.");
      case "lies":
      case "dead":
        return sleepFor(patience);
      case "slow":
        after(late, () => void act());
        return sleepFor(patience);
      case "well":
        await sleepFor(200);
        return act();
    }
  }
}
