/**
 * How a machine ended, put together from what was left behind: the shim's record, QEMU's log, the
 * guest's console and the kernel's counter.
 *
 * An exit code of 0 says nothing (a panic and a SIGTERM both give it); the reason is in QEMU's trace.
 * It is always read from the log and never from QMP events, so that an agent which was away when it
 * happened tells the same story as one which was there.
 */

import { stat } from "node:fs/promises";
import { constants as os } from "node:os";
import type { Instant } from "@holdfast/kernel/time";
import { plainText, readConsole, readTail } from "./console-log.ts";
import type { Exit } from "./driver.ts";
import { type Paths, readOptional } from "./incarnation.ts";

/** A kernel's panic with its call trace takes some fifty lines of console. */
const kept = { log: 20, console: 80 } as const;

/** QEMU 7.2's ShutdownCause, by its number in the trace and its name in QMP. */
const causes = [
  "none",
  "host-error",
  "host-qmp-quit",
  "host-qmp-system-reset",
  "host-signal",
  "host-ui",
  "guest-shutdown",
  "guest-reset",
  "guest-panic",
  "subsystem-reset",
  "snapshot-load",
] as const;

/** What the shim wrote, or undefined while it has not. */
export async function findRecordedEnd(
  paths: Paths,
): Promise<Pick<Exit, "status" | "at"> | undefined> {
  const code = /^(\d+)\n$/.exec(await readOptional(paths.exit))?.[1];
  if (code === undefined) return undefined;
  const { mtimeMs } = await stat(paths.exit);
  return { status: statusOf(Number(code)), at: Math.round(mtimeMs) as Instant };
}

export async function gatherExit(
  paths: Paths,
  known: Pick<Exit, "status" | "at" | "requested" | "oomKills">,
): Promise<Exit> {
  const log = await readTail(paths.log, 64 * 1024);
  const reason = shutdownReason(log);
  const console = await readConsole(paths, kept.console);
  return {
    ...known,
    ...(reason === undefined ? {} : { reason }),
    hypervisorLog: lastLines(log),
    consoleTail: console.map(({ text }) => text),
  };
}

/** The last lines that QEMU or those before it wrote, without the trace. */
export const lastWords = (log: readonly string[]) =>
  log.filter((line) => !/^\S*\s*(runstate_set|qemu_system_\w+|holdfast:)/.test(withoutTime(line)));

/** A shell reports a death by signal n as 128 + n. */
function statusOf(code: number): Exit["status"] {
  const [signal] = Object.entries(os.signals).find(([, number]) => number === code - 128) ?? [];
  return signal ? { signal } : { code };
}

/** A guest that ran on after a shutdown was rebooted; only what came after counts. */
function shutdownReason(text: string): string | undefined {
  const log = text.slice(text.lastIndexOf("new_state 9 (running)") + 1);
  const [, number] = [...log.matchAll(/qemu_system_shutdown_request reason=(\d+)/g)].at(-1) ?? [];
  return number === undefined ? undefined : (causes[Number(number)] ?? `reason ${number}`);
}

const lastLines = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .slice(-kept.log)
    .map(plainText);

const withoutTime = (line: string) => line.replace(/^\d{4}-\d\d-\d\dT\S+\s+/, "");
