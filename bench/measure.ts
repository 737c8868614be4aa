/**
 * What the benches share: medians, processor time of processes, and tables.
 *
 * Wall time on a busy machine says little: the same boot took 1.3 s on an idle one and 7 s at a load of 9.
 * So every figure here stands beside another that was taken in turns with it, and beside processor time.
 */
import { readdirSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";

/** Linux: USER_HZ, the unit of times in /proc/PID/stat; 100 on every architecture that QEMU runs on. */
const ticksPerSecond = 100;

/** The middle one; of an even number the mean of both. NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

/** The element below which a share of `part` (0 to 1) lies. NaN of none. */
export function percentile(numbers: readonly number[], part: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

interface Times {
  readonly parent: number;
  /** Milliseconds of processor time: its own, and that of children it has reaped. */
  readonly own: number;
  readonly reaped: number;
}

function timesOf(pid: number): Times | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const at = (index: number) => ((fields[index] ?? 0) * 1_000) / ticksPerSecond;
    return { parent: fields[1] ?? 0, own: at(11) + at(12), reaped: at(13) + at(14) };
  } catch {
    return undefined; // It has ended.
  }
}

/** Processor time that a process has used so far, in milliseconds, in steps of 10. Zero if it is gone. */
export const cpuOf = (pid: number): number => timesOf(pid)?.own ?? 0;

/**
 * The same with everything it has started, living or reaped: PostgreSQL is a family. A zombie counts
 * once, with its parent's children or by itself.
 */
export function cpuOfFamily(pid: number): number {
  const all = new Map<number, Times>();
  for (const name of readdirSync("/proc")) {
    const times = /^\d+$/.test(name) ? timesOf(Number(name)) : undefined;
    if (times) all.set(Number(name), times);
  }
  const sum = (id: number): number => {
    const times = all.get(id);
    if (!times) return 0;
    const children = [...all].filter(([, { parent }]) => parent === id);
    return times.own + times.reaped + children.reduce((total, [child]) => total + sum(child), 0);
  };
  return sum(pid);
}

/** How busy the machine was, to print at the beginning and at the end. */
export const loadNow = () =>
  loadavg()
    .map((one) => one.toFixed(1))
    .join(" ");

/** Columns under their headings: the first to the left, numbers to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}

/** Whether a goal is met, in words. Better is less, unless `atLeast`. */
export function verdict(
  what: string,
  value: number,
  { must, better, atLeast = false }: { must: number; better?: number; atLeast?: boolean },
): string {
  const reaches = (goal: number) => (atLeast ? value >= goal : value <= goal);
  const sign = atLeast ? "at least" : "at most";
  const shown = short(value);
  if (better !== undefined && reaches(better))
    return `  met, and better     ${what}: ${shown} (${sign} ${short(must)}, better ${short(better)})`;
  const says = reaches(must) ? "met                 " : "NOT MET             ";
  const more = better === undefined ? "" : `, better ${short(better)}`;
  return `  ${says}${what}: ${shown} (${sign} ${short(must)}${more})`;
}

export const whole = (number: number): string => Math.round(number).toLocaleString("en-US");

const short = (number: number): string =>
  Math.abs(number) >= 100 ? whole(number) : number.toFixed(Math.abs(number) >= 10 ? 1 : 2);
