/**
 * Ending a machine whose guest has let its watchdog run out. QEMU has stopped its processors and waits;
 * what they were doing is asked first, because it tells a guest that spins from one that sleeps.
 *
 * The guest cannot be trusted to write its disks any more, so it is not asked to; QEMU is, and what the
 * guest had handed over to it is written.
 */
import { type Duration, seconds } from "@holdfast/kernel/time";
import type { Exit } from "./driver.ts";
import { detailOf } from "./events.ts";
import type { QmpArguments } from "./qmp.ts";

/** What of a machine is needed for it. */
export interface Hung {
  readonly ended: Promise<Exit>;
  query(command: string, within: Duration, args?: QmpArguments): Promise<unknown>;
  note(event: string, detail: string): void;
  signal(name: NodeJS.Signals): Promise<void>;
}

/** How long QEMU may take to answer. */
const answerTime = seconds(2);
/** From `quit` to the end of the process. Then it is killed. */
const patience = seconds(10);

/** Resolves when it has ended or has been killed. If even that does not help, call it again. */
export async function endHung(machine: Hung): Promise<void> {
  const answer = await machine
    .query("human-monitor-command", answerTime, { "command-line": "info registers -a" })
    .catch(() => undefined);
  const processors = processorsIn(String(answer ?? ""));
  if (processors.length > 0) machine.note("PROCESSORS", detailOf({ processors }));
  await machine.query("quit", answerTime).catch(() => {});
  const isOver = await new Promise<boolean>((resolve) => {
    const late = setTimeout(() => resolve(false), patience);
    void machine.ended.then(() => {
      clearTimeout(late);
      resolve(true);
    });
  });
  if (!isOver) await machine.signal("SIGKILL");
}

/** Where each processor stood: its instruction pointer, and whether it was waiting for an interrupt. */
export function processorsIn(
  registers: string,
): readonly { readonly at: string; readonly isHalted: boolean }[] {
  return [...registers.matchAll(/^[RE]IP=([0-9a-f]+) .*\bHLT=([01])/gm)].map(([, at, halted]) => ({
    at: String(at),
    isHalted: halted === "1",
  }));
}
