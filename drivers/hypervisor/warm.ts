/**
 * Starting a machine from the memory of a template, and what to do when that does not work.
 *
 * It is launched as any other, with its own disks, cards and name, stopped, and reads its memory from a file that it
 * was given open. It is let run only when it has read all of it: told earlier, QEMU may forget it. So a machine that
 * dies before that has not run for a moment, and may be booted instead in the same incarnation.
 */
import { type FileHandle, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Duration, milliseconds, seconds } from "@holdfast/kernel/time";
import type { Begun, MachineSpec } from "./driver.ts";
import type { LaunchRecord, Paths } from "./incarnation.ts";
import { isRecord } from "./qmp.ts";
import { templateFiles } from "./template.ts";

/** What of a machine is needed for it. */
export interface Warming {
  readonly record: LaunchRecord | undefined;
  query(command: string, within: Duration): Promise<unknown>;
  began(begun: Begun): Promise<void>;
}

/** How long QEMU may take to read its memory. A gigabyte takes less than a second. */
const readingTime = seconds(20);
const answerTime = seconds(10);

/** Lets it run once it has its memory; rejects if it does not get it. */
export async function wake(machine: Warming, began?: number): Promise<void> {
  const deadline = performance.now() + readingTime;
  const wasOnStandby = machine.record?.group !== undefined; // There it has read it long ago.
  while (!wasOnStandby && (await runState(machine)) === "inmigrate") {
    if (performance.now() > deadline) throw new Error("it did not read its memory in time");
    await sleep(2);
  }
  if (!machine.record?.warming?.isPaused) await machine.query("cont", answerTime);
  const took = began === undefined ? {} : { took: milliseconds(performance.now() - began) };
  await machine.began({ how: "warm", ...took, ...(wasOnStandby ? { wasOnStandby } : {}) });
}

/** The memory to start from; undefined if it cannot be read, and then it is booted. */
export const openState = (spec: MachineSpec): Promise<FileHandle | undefined> =>
  open(join(spec.template ?? "", templateFiles.state)).catch(() => undefined);

/**
 * Takes away what a machine has left that has not run, so that its incarnation can be launched. Only for whoever
 * launched it, has seen it dead and knows that nobody was told of that.
 */
export async function unlaunch(paths: Paths): Promise<void> {
  const { started, pid, exit, evidence, events, threads, asked } = paths;
  const sockets = (await readdir(paths.vm)).filter((name) => name.endsWith(".sock"));
  const left = [
    pid,
    exit,
    asked,
    evidence,
    events,
    threads,
    ...sockets.map((name) => join(paths.vm, name)),
  ];
  await Promise.all(left.map((file) => rm(file, { force: true })));
  await rm(started); // Last: it is the right to launch.
}

async function runState(machine: Warming): Promise<string> {
  const answer = await machine.query("query-status", answerTime);
  return isRecord(answer) ? String(answer.status) : "";
}
