/**
 * What happened to a machine while it lived: heard over QMP, and read from QEMU's trace for the times
 * when nobody listened.
 *
 * QEMU replays nothing, so what is heard is kept in a file beside the machine. The trace alone would not
 * do: it knows no reason for a reset and no disk for an error. Where both tell of one thing, what was
 * heard counts; they carry the same clock, QEMU's.
 */
import { appendFile } from "node:fs/promises";
import type { Instant } from "@holdfast/kernel/time";
import { type LifeEvent, mostEvents } from "./driver.ts";
import { type Paths, readOptional, replace } from "./incarnation.ts";
import { isRecord, type QmpEvent } from "./qmp.ts";

export interface Life {
  note(event: LifeEvent): void;
  /** What has been noted, by earlier agents as well. */
  events(): readonly LifeEvent[];
  /** Everything noted so far is in the file, or could not be written. */
  settled(): Promise<void>;
}

/** QMP's events that say something about how a machine fares. Many others only tell of progress. */
const worthTelling = new Set([
  ...["SHUTDOWN", "RESET", "POWERDOWN", "STOP", "RESUME"],
  ...["GUEST_PANICKED", "WATCHDOG", "BLOCK_IO_ERROR"],
]);

/** Repeated within this time it is still one happening: a reboot makes three resets. In milliseconds. */
const oneHappening = 1_000;
const longestDetail = 500;

/** Takes up what earlier agents have noted. */
export async function openLife(paths: Paths): Promise<Life> {
  let noted = parseEvents(await readOptional(paths.events)).slice(-mostEvents);
  let written = noted.length;
  let unwritten: LifeEvent[] = [];
  let turn: Promise<void> = Promise.resolve();
  return {
    note(event) {
      const last = noted.at(-1);
      if (last && isSame(last, event) && last.detail === event.detail) return;
      noted = [...noted, event].slice(-mostEvents);
      unwritten.push(event);
      turn = turn.then(write).catch(() => {}); // A full disk: it is in memory still.
    },
    events: () => noted,
    settled: () => turn,
  };

  /** All that has come up since the last time, at once. */
  async function write(): Promise<void> {
    const events = unwritten;
    unwritten = [];
    written += events.length;
    if (written > 2 * mostEvents) {
      written = noted.length;
      await replace(paths.events, noted.map(lineOf).join(""));
    } else if (events.length > 0)
      await appendFile(paths.events, events.map(lineOf).join(""), { mode: 0o600 });
  }
}

/** As it is kept, or undefined if it is not worth it. */
export function lifeEventOf({ event, data, at }: QmpEvent, now: Instant): LifeEvent | undefined {
  if (!worthTelling.has(event)) return undefined;
  return { at: at ?? now, event, detail: detailOf(data) };
}

/** One line of JSON, or "" for nothing to tell. */
export function detailOf(data: Readonly<Record<string, unknown>> = {}): string {
  return Object.keys(data).length > 0 ? JSON.stringify(data).slice(0, longestDetail) : "";
}

/** Both accounts as one, oldest first. */
export function wholeLife(
  heard: readonly LifeEvent[],
  traced: readonly LifeEvent[],
): readonly LifeEvent[] {
  const missed = traced.filter((event) => !heard.some((other) => isSame(other, event)));
  return [...heard, ...missed].toSorted((a, b) => a.at - b.at);
}

/**
 * What QEMU's trace tells. `cpus` of the machine: a guest that wakes its other processors resets each
 * of them and not the first, and only when all are reset the machine is.
 */
export function eventsInTrace(log: string, cpus: number): readonly LifeEvent[] {
  const events: LifeEvent[] = [];
  const tell = (at: Instant, event: string, data?: Readonly<Record<string, unknown>>) => {
    const told = { at, event, detail: detailOf(data) };
    if (!events.some((other) => isSame(other, told))) events.push(told);
  };
  let justReset: { readonly cpu: string; readonly at: number }[] = [];
  for (const [, time, name, rest = ""] of log.matchAll(traceLine)) {
    const at = Math.floor(Number(time) * 1_000) as Instant; // QEMU's clock, which is the host's.
    if (name === "qemu_system_powerdown_request") tell(at, "POWERDOWN");
    if (name === "qemu_system_shutdown_request") {
      const reason = shutdownCause(rest);
      if (reason === "guest-panic") tell(at, "GUEST_PANICKED");
      tell(at, "SHUTDOWN", { guest: reason.startsWith("guest-"), reason });
    }
    if (name === "runstate_set") {
      const [, from, to] = /\((\S+)\) new_state \d+ \((\S+)\)/.exec(rest) ?? [];
      if (to === "io-error") tell(at, "BLOCK_IO_ERROR", { action: "stop" });
      if (to === "watchdog") tell(at, "WATCHDOG", { action: "pause" });
      if (to && stopped.has(to)) tell(at, "STOP");
      if (to === "running" && from && stopped.has(from)) tell(at, "RESUME");
    }
    if (name === "guest_cpu_reset") {
      justReset = [...justReset.filter((each) => at - each.at < oneHappening), { cpu: rest, at }];
      if (new Set(justReset.map(({ cpu }) => cpu)).size >= cpus) tell(at, "RESET");
    }
  }
  for (const [, time = ""] of log.matchAll(signalLine))
    tell(Date.parse(time) as Instant, "SHUTDOWN", { guest: false, reason: "host-signal" });
  return events.toSorted((one, other) => one.at - other.at);
}

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

/** The name of what a line of the trace calls `reason=6`. */
export function shutdownCause(rest: string): string {
  const number = Number(/reason=(\d+)/.exec(rest)?.[1]);
  return causes[number] ?? `reason ${number}`;
}

/** `PID@SECONDS:NAME ARGUMENTS` */
const traceLine = /^\d+@(\d+\.\d+):(\w+) ?(.*)$/gm;

/** The only kind of end that is told in words and not in the trace. */
const signalLine = /^(\d{4}-\d\d-\d\dT\S+Z) .*: terminating on signal \d+/gm;

/** Run states in which the processors stand still and may go on. */
const stopped = new Set(["paused", "io-error", "watchdog"]);

const isSame = (one: LifeEvent, other: LifeEvent) =>
  one.event === other.event && Math.abs(one.at - other.at) < oneHappening;

const lineOf = (event: LifeEvent) => `${JSON.stringify(event)}\n`;

function parseEvents(text: string): readonly LifeEvent[] {
  return text.split("\n").flatMap((line) => {
    try {
      const event: unknown = JSON.parse(line);
      if (!isRecord(event) || typeof event.event !== "string") return [];
      const at = Number(event.at) as Instant; // From a clock, through a file.
      return [{ at, event: event.event, detail: String(event.detail ?? "") }];
    } catch {
      return []; // The last line ends here, or was cut short.
    }
  });
}
