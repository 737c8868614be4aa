/**
 * How a machine ended, put together from what was left behind: the shim's record, QEMU's log, the
 * guest's console, the guard's note, the kernel's counter and log, and what was heard while it lived.
 *
 * An exit code of 0 says nothing (a panic and a SIGTERM both give it); the reason is in QEMU's trace.
 * It is always read from the log and never from QMP events, so that an agent which was away when it
 * happened tells the same story as one which was there.
 */

import { stat } from "node:fs/promises";
import { constants as os } from "node:os";
import type { Instant } from "@holdfast/kernel/time";
import { plainText, readConsole, readTail } from "./console-log.ts";
import { type Exit, mostEvents } from "./driver.ts";
import { eventsInTrace, shutdownCause, wholeLife } from "./events.ts";
import { readFenced } from "./fenceable.ts";
import { type LaunchRecord, type Paths, readOptional } from "./incarnation.ts";

/** A kernel's panic takes some fifty lines of console, and twice that with a table of its memory before. */
const kept = { log: 20, console: 160 } as const;

/** What the shim wrote, or undefined while it has not. */
export async function findRecordedEnd(
  paths: Paths,
): Promise<Pick<Exit, "status" | "at"> | undefined> {
  const code = /^(\d+)\n$/.exec(await readOptional(paths.exit))?.[1];
  if (code === undefined) return undefined;
  const { mtimeMs } = await stat(paths.exit);
  return { status: statusOf(Number(code)), at: Math.round(mtimeMs) as Instant };
}

/** What only whoever looked after the machine can add. */
export type Known = Pick<Exit, "status" | "at" | "requested" | "oomKills" | "kernelLog" | "events">;

export async function gatherExit(
  paths: Paths,
  { cpus = 1, arrival }: Partial<LaunchRecord>,
  known: Known,
): Promise<Exit> {
  const log = await readTail(paths.log, 64 * 1024);
  const reason = lastReason(log);
  const sender = signalledBy(log);
  const fenced = await readFenced(paths);
  const console = await readConsole(paths, kept.console);
  const events = wholeLife(known.events, eventsInTrace(log, cpus));
  return {
    ...known,
    ...(reason === undefined ? {} : { reason }),
    ...(arrival && !hasRun(log) ? { neverRan: true as const } : {}),
    ...(sender === undefined ? {} : { signalledBy: sender }),
    ...(fenced === undefined ? {} : { fenced }),
    events: events.slice(-mostEvents),
    watchdogFired: events.some(({ event }) => event === "WATCHDOG"),
    hypervisorLog: lastLines(log),
    consoleTail: console.map(({ text }) => text),
  };
}

/** The last lines that QEMU or those before it wrote, without the trace. */
export const lastWords = (log: readonly string[]) =>
  log.filter(
    (line) =>
      !/^\S*\s*(runstate_set|qemu_system_\w+|guest_cpu_reset|holdfast:)/.test(withoutTime(line)),
  );

/** A shell reports a death by signal n as 128 + n. */
function statusOf(code: number): Exit["status"] {
  return code > 128 && code <= 128 + 64 ? { signal: signalName(code - 128) } : { code };
}

const signalName = (number: number) =>
  Object.entries(os.signals).find(([, each]) => each === number)?.[0] ?? `signal ${number}`;

/**
 * A guest that ran on after a shutdown was rebooted; only what came after counts. One that its watchdog
 * stopped did not end because somebody then told its process to quit.
 */
function lastReason(text: string): string | undefined {
  const log = text.slice(text.lastIndexOf("new_state 9 (running)") + 1);
  if (/runstate_set .*new_state \d+ \(watchdog\)/.test(log)) return "watchdog";
  // All of it was sent elsewhere, whoever then ended what was left.
  if (/runstate_set .*new_state \d+ \(postmigrate\)/.test(log)) return "migrated";
  const [request] = [...log.matchAll(/qemu_system_shutdown_request reason=\d+/g)].at(-1) ?? [];
  if (request !== undefined) return shutdownCause(request);
  return terminated.test(log) ? "host-signal" : undefined; // Which is not in the trace.
}

/** Asked of one that waited, whose log is short: it is here from its beginning. */
const hasRun = (log: string) => /new_state \d+ \(running\)/.test(log);

/** QEMU says who sent it the signal that it obeyed, if the sender was still there to be asked. */
function signalledBy(log: string): Exit["signalledBy"] {
  const told = terminated.exec(log);
  if (!told) return undefined;
  const [, number, pid, name] = told;
  return { signal: signalName(Number(number)), pid: Number(pid ?? 0), name: plainText(name ?? "") };
}

const terminated = /terminating on signal (\d+)(?: from pid (\d+) \((.*)\))?/;

const lastLines = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "" && !line.includes(":guest_cpu_reset "))
    .slice(-kept.log)
    .map(plainText);

const withoutTime = (line: string) => line.replace(/^\d{4}-\d\d-\d\dT\S+\s+/, "");
