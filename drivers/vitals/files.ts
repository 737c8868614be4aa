/**
 * The real thing: what Linux shows in /sys, and what smartctl and chronyc say where they are installed.
 *
 * Each kind of reading stands alone, because each can fail alone: a program that hangs on a dying disk
 * costs its time limit and not the temperature. Redundant supplies inside a server are not here; only
 * its management controller sees them.
 */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Clock, type Duration, milliseconds, seconds } from "@holdfast/kernel/time";
import type {
  ClockHealth,
  DiskHealth,
  MemoryErrors,
  PowerSupply,
  Temperature,
  VitalSigns,
} from "./driver.ts";
import { diskFromSmart } from "./smart.ts";

export interface HostVitalsOptions {
  readonly clock: Clock;
  /** Default /sys. */
  readonly sys?: string;
  /** Runs a program and resolves with what it wrote, whatever its exit code; rejects if it is not there. */
  readonly run?: (program: string, args: readonly string[]) => Promise<string>;
}

/** How long a disk may take to answer about itself: one that spins up takes seconds. */
const patience = seconds(10);

/** Not disks, or made of other disks that are listed themselves. */
const virtual = /^(loop|ram|zram|dm-|md|sr|fd|nbd|drbd|rbd|vd)/;

export function hostVitals(options: HostVitalsOptions): VitalSigns {
  const { clock, sys = "/sys", run = runProgram } = options;
  return {
    async read() {
      const [temperatures, powerSupplies, disks, memory, time] = await Promise.all([
        readTemperatures(sys),
        readPowerSupplies(sys),
        readDisks(sys, run),
        readMemory(sys),
        readClock(run),
      ]);
      return {
        at: clock.now(),
        temperatures,
        powerSupplies,
        disks,
        memory,
        ...(time ? { clock: time } : {}),
        unavailable: [
          ...(temperatures.length > 0 ? [] : (["temperature"] as const)),
          ...(powerSupplies.length > 0 ? [] : (["power"] as const)),
          ...(disks.length > 0 ? [] : (["disk"] as const)),
          ...(memory.length > 0 ? [] : (["memory"] as const)),
          ...(time ? [] : (["clock"] as const)),
        ],
      };
    },
  };
}

async function readTemperatures(sys: string): Promise<readonly Temperature[]> {
  const chips = await subdirectories(join(sys, "class/hwmon"));
  const found = await Promise.all(
    chips.map(async (chip) => {
      const name = (await text(join(chip, "name"))) ?? "chip";
      const inputs = (await names(chip)).flatMap(
        (file) => /^(temp\d+)_input$/.exec(file)?.[1] ?? [],
      );
      return Promise.all(inputs.map((input) => readSensor(chip, name, input)));
    }),
  );
  return found.flat().filter((each) => each !== undefined);
}

async function readSensor(
  chip: string,
  name: string,
  input: string,
): Promise<Temperature | undefined> {
  const degrees = async (what: string) => {
    const value = await number(join(chip, `${input}_${what}`));
    return value === undefined ? undefined : value / 1_000;
  };
  const celsius = await degrees("input");
  if (celsius === undefined || (await number(join(chip, `${input}_fault`))) === 1) return undefined;
  const [high, critical, label] = await Promise.all([
    degrees("max"),
    degrees("crit"),
    text(join(chip, `${input}_label`)),
  ]);
  return {
    sensor: `${name} ${label ?? input}`,
    celsius,
    // Chips without a limit say zero or something beyond all reason.
    ...(high !== undefined && high > 0 && high < 150 ? { high } : {}),
    ...(critical !== undefined && critical > 0 && critical < 150 ? { critical } : {}),
  };
}

async function readPowerSupplies(sys: string): Promise<readonly PowerSupply[]> {
  const supplies = await subdirectories(join(sys, "class/power_supply"));
  const found = await Promise.all(
    supplies.map(async (dir): Promise<PowerSupply | undefined> => {
      const [type, online, status, health] = await Promise.all(
        ["type", "online", "status", "health"].map((file) => text(join(dir, file))),
      );
      if (!type) return undefined;
      const kind = type === "Mains" ? "mains" : type === "Battery" ? "battery" : "other";
      const isWell = !health || health === "Good" || health === "Unknown";
      return {
        name: dir.slice(dir.lastIndexOf("/") + 1),
        kind,
        isOnline: online === undefined ? status === "Discharging" : online !== "0",
        ...(isWell ? {} : { ailment: health }),
      };
    }),
  );
  return found.filter((each) => each !== undefined);
}

async function readDisks(
  sys: string,
  run: NonNullable<HostVitalsOptions["run"]>,
): Promise<readonly DiskHealth[]> {
  const blocks = (await names(join(sys, "block"))).filter((name) => !virtual.test(name));
  return Promise.all(
    blocks.map(async (name) => {
      const [state, said] = await Promise.all([
        text(join(sys, "block", name, "device/state")),
        // Does not wake a disk that sleeps.
        run("smartctl", ["-j", "-H", "-A", "-n", "standby", `/dev/${name}`]).catch(() => ""),
      ]);
      const isReachable = state === undefined || state === "running" || state === "live";
      return { name, isReachable, ...diskFromSmart(said) };
    }),
  );
}

async function readMemory(sys: string): Promise<readonly MemoryErrors[]> {
  const controllers = await subdirectories(join(sys, "devices/system/edac/mc"));
  const found = await Promise.all(
    controllers.map(async (dir): Promise<MemoryErrors | undefined> => {
      const corrected = await number(join(dir, "ce_count"));
      const uncorrected = await number(join(dir, "ue_count"));
      if (corrected === undefined || uncorrected === undefined) return undefined;
      return { controller: dir.slice(dir.lastIndexOf("/") + 1), corrected, uncorrected };
    }),
  );
  return found.filter((each) => each !== undefined);
}

/** Whoever keeps the clock knows best; without it the kernel at least knows whether anybody does. */
async function readClock(
  run: NonNullable<HostVitalsOptions["run"]>,
): Promise<ClockHealth | undefined> {
  const chrony = parseChrony(await run("chronyc", ["-c", "tracking"]).catch(() => ""));
  if (chrony) return chrony;
  const printed = await run("adjtimex", ["--print"]).catch(() =>
    run("busybox", ["adjtimex"]).catch(() => ""),
  );
  return parseAdjtimex(printed);
}

/**
 * `chronyc -c tracking` is one line of 14 fields; the fifth says by how many seconds the clock is behind
 * (chrony prints it as "slow of NTP time" when positive), the last how the leap second stands.
 */
export function parseChrony(said: string): ClockHealth | undefined {
  const fields = said.trim().split(",");
  const correction = Number(fields[4]);
  if (fields.length < 14 || !Number.isFinite(correction)) return undefined;
  const isSynchronized = fields.at(-1) !== "Not synchronised";
  return { offset: fromSeconds(-correction), isSynchronized, source: "chrony" };
}

/** Both the program of that name and busybox's. The unit is in the status word. */
export function parseAdjtimex(said: string): ClockHealth | undefined {
  const field = (name: string) => new RegExp(`\\b${name}:\\s+(-?\\d+)`).exec(said)?.[1];
  const [offset, status] = [field("offset"), field("status")];
  if (offset === undefined || status === undefined) return undefined;
  const unit = (Number(status) & nanoseconds) === 0 ? 1_000 : 1_000_000;
  return {
    // What is still to be added to the clock.
    offset: milliseconds(-Number(offset) / unit + 0),
    isSynchronized: (Number(status) & unsynchronized) === 0,
    source: "kernel",
  };
}

/** Linux: STA_UNSYNC and STA_NANO. */
const unsynchronized = 0x0040;
const nanoseconds = 0x2000;

const fromSeconds = (value: number): Duration => milliseconds(value * 1_000 + 0); // Never -0.

const execute = promisify(execFile);

/** smartctl's exit code is a set of flags that its output repeats in words. */
async function runProgram(program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await execute(program, [...args], { timeout: patience, maxBuffer: 1 << 20 });
    return stdout;
  } catch (error) {
    if (error instanceof Error && "stdout" in error && error.stdout) return String(error.stdout);
    throw error;
  }
}

const names = (dir: string): Promise<readonly string[]> =>
  readdir(dir).then(
    (found) => found.toSorted(),
    () => [],
  );

const subdirectories = async (dir: string): Promise<readonly string[]> =>
  (await names(dir)).map((name) => join(dir, name));

const text = (file: string): Promise<string | undefined> =>
  readFile(file, "utf8").then(
    (found) => found.trim() || undefined,
    () => undefined,
  );

async function number(file: string): Promise<number | undefined> {
  const found = await text(file);
  return found !== undefined && Number.isFinite(Number(found)) ? Number(found) : undefined;
}
