/**
 * Switching a guest off and on again without ending its process.
 *
 * While it shuts down QEMU is told not to leave when the guest powers off but to wait. If we are killed
 * just then, the guest stands switched off and its process waits; whoever comes next finds a reboot that
 * is not done yet, and resets it.
 */
import { type Duration, milliseconds, seconds } from "@holdfast/kernel/time";
import { answerTime, type Machine } from "./machine.ts";

/** A guest that is still booting loses the press of its power button, so it is pressed again. */
const pressEvery = seconds(2);

export async function reboot(machine: Machine, grace: Duration): Promise<void> {
  if (grace > 0 && machine.canReact) await askToShutDown(machine, grace);
  const wasOff = await machine.switchedOff(milliseconds(0));
  await machine.execute("system_reset");
  if (!wasOff) return;
  await machine.execute("cont");
  await onPowerOff(machine, "poweroff");
}

async function askToShutDown(machine: Machine, grace: Duration): Promise<void> {
  await onPowerOff(machine, "pause");
  const deadline = performance.now() + grace;
  for (let left: number = grace; left > 0; left = deadline - performance.now()) {
    await machine.execute("system_powerdown");
    if (await machine.switchedOff(milliseconds(Math.min(left, pressEvery)))) return;
  }
  await onPowerOff(machine, "poweroff");
}

/** What QEMU does when the guest switches itself off. */
const onPowerOff = (machine: Machine, shutdown: "pause" | "poweroff") =>
  machine.execute("set-action", answerTime, { shutdown });
