/**
 * Ending a machine, step by step: ask the guest, ask the process, kill the process.
 *
 * Each step waits for the real end and not for a promise of it. A step that cannot work is not waited
 * for: a guest whose processors stand still hears no power button, a frozen QEMU hears nothing.
 */
import { type Duration, milliseconds, seconds } from "@holdfast/kernel/time";
import type { Exit, StopLadder } from "./driver.ts";
import { answerTime, type Machine } from "./machine.ts";
import { notStopped } from "./refusals.ts";

/** A guest that is still booting loses the press of its power button, so it is pressed again. */
const pressEvery = seconds(2);

export async function climbDown(machine: Machine, ladder: StopLadder): Promise<Exit> {
  if (machine.exit) return machine.exit;
  await machine.ask();
  return (
    (await pressPowerButton(machine, ladder.acpi)) ??
    (await terminate(machine, ladder.terminate)) ??
    (await kill(machine, ladder.kill))
  );
}

async function pressPowerButton(machine: Machine, patience: Duration): Promise<Exit | undefined> {
  const deadline = performance.now() + patience;
  for (let left = patience; left > 0; left = milliseconds(deadline - performance.now())) {
    if (!machine.canReact || !(await press(machine, left))) return machine.exit;
    const exit = await endWithin(machine, milliseconds(Math.min(left, pressEvery)));
    if (exit) return exit;
  }
  return undefined;
}

async function terminate(machine: Machine, patience: Duration): Promise<Exit | undefined> {
  if (patience <= 0) return undefined;
  const half = milliseconds(patience / 2);
  if (machine.isConnected) {
    void machine.execute("quit").catch(() => {});
    const exit = await endWithin(machine, half);
    if (exit) return exit;
  }
  await machine.signal("SIGTERM");
  return endWithin(machine, machine.isConnected ? half : patience);
}

async function kill(machine: Machine, patience: Duration): Promise<Exit> {
  const deadline = performance.now() + patience;
  for (let left = patience; left > 0; left = milliseconds(deadline - performance.now())) {
    await machine.signal("SIGKILL");
    // Again, in case that QEMU had not been born yet when we struck.
    const exit = await endWithin(machine, milliseconds(Math.min(left, 250)));
    if (exit) return exit;
  }
  throw notStopped();
}

/** The end, if it comes in time. Leaves no timer behind. */
function endWithin(machine: Machine, patience: Duration): Promise<Exit | undefined> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(machine.exit), patience);
    void machine.ended.then((exit) => {
      clearTimeout(late);
      resolve(exit);
    });
  });
}

/** False if QEMU did not hear it. */
const press = (machine: Machine, patience: Duration) =>
  machine.execute("system_powerdown", milliseconds(Math.min(patience, answerTime))).then(
    () => true,
    () => false,
  );
