/**
 * Finds the report of a fault in a console, and the rule that explains it.
 *
 * Processors and tasks print at the same time, line by line. Where the kernel marks its lines with the
 * caller, only those of the reporter belong to the report; a frame of somebody else in the middle of a
 * stack would accuse the wrong function.
 */
import type { Line } from "./console.ts";
import { callTrace } from "./frames.ts";
import type { Rule } from "./rule.ts";
import { rules } from "./rules.ts";

export interface Report {
  /** Absent when the wording is unknown, but it is certain that a fault was announced. */
  readonly rule?: Rule;
  /** What the rule captured, in order. */
  readonly captured: readonly string[];
  /** The announcement, from its first word. */
  readonly heading: string;
  /** The lines of the reporter, the announcement first. */
  readonly lines: readonly Line[];
  /** Where in the console the announcement is. */
  readonly at: number;
}

/** Words with which a report begins. Everything else in a console is skipped with this one pattern. */
const announcement =
  /(?<![\w:/'"])(?:BUG:|WARNING:|INFO:|Unable to handle kernel|general protection fault|stack segment: |Kernel panic - not syncing|Watchdog detected hard LOCKUP|PANIC: double fault|rust_kernel: panicked|[kK]ernel BUG|BUG kmalloc-|divide[ _]error:|invalid opcode:|int3: |UBSAN:|Booting the kernel\.|unregister_netdevice: waiting for|VFS: (?:Close: file count is 0|Busy inodes after unmount)|Internal error:|Unhandled fault:|Alignment trap:|trusty: panic|fatal error:|panic: |SYZ(?:FAIL|FATAL):)/;

/** Lines that use such a word and report no fault. */
const harmless: readonly RegExp[] = [
  /INFO: (?:lockdep is turned off|Stall ended before state dump start|NMI handler|recovery required on readonly filesystem|no syscalls can create resource|sys_.{0,80} is not present)/,
  /(?:handler|interrupt).{0,200}took too long/,
  /WARNING: (?:\/etc\/ssh\/moduli|workqueue cpumask|[Tt]he mand mount option|Unsupported flag value|Unprivileged eBPF|fbcon: Driver|See https?:|kernel not compiled with)/,
  /WARNING: .{0,200} uses (?:deprecated v2 capabilities|wireless extensions)/i,
  /BUG: no syscalls can create resource/,
  // File systems say WARNING when they repaired something.
  /^(?:EXT4-[Ff][Ss]|XFS|BTRFS|F2FS-fs)\b.{0,80}?: (?:WARNING|warning)/,
  /EXT4-fs.{0,100}: .{0,200}(?:WARNING|INFO):|(?:WARNING|INFO): .{0,200}EXT4-fs/i,
  // A program crashed and was ended; the kernel only says so.
  /general protection fault .{0,200} error:[0-9a-f]+ in /,
  /traps: .{0,80} general protection fault/,
  // A text that a guest gave to the kernel, and the kernel repeats in its answer.
  /Unknown parameter '|Decompressing Linux.{0,400}Booting/,
];

/** These go on with a report rather than begin one. */
const continuation =
  /invalid opcode: 0000|Internal error:|Kernel panic - not syncing|unregister_netdevice: waiting for|PANIC: double fault/;
/** These come with a stack, and are no fault. */
const otherStack =
  /vmalloc: allocation failure:|FAULT_INJECTION: forcing a failure|FAULT_FLAG_ALLOW_RETRY missing/;

/** A value that happened to lie on the stack: on x86 with a question mark, on PowerPC with a word. */
const leftover = /^[ \t]*(?:\[<?(?:0x)?[0-9a-f]{4,16}>?\])? ?\? |\(unreliable\)\s*$/;

/**
 * How far a report can reach: in its own lines, and in lines of the console. More than the longest real
 * one; a console of 10 MB must not become a report of 10 MB.
 */
const farthest = { own: 4_000, console: 40_000 };
/** A guest that announces faults without end, none of which is one, is given less patience. */
const nearest = { own: 60, console: 300 };
const patience = 50;
/** No announcement of a kernel is longer. */
const maxHeading = 600;

/** The first report at or after a line of the console. */
export function findReport(console: readonly Line[], from = 0): Report | undefined {
  let futile = 0;
  for (let at = from; at < console.length; at++) {
    const heading = headingOf(console[at], console, at);
    if (heading === undefined) continue;
    const isPatient = futile < patience;
    const lines = reporterLines(console, at, isPatient ? farthest : nearest);
    const report = explain(heading, lines, at, isPatient);
    if (report) return report;
    futile++;
  }
  return undefined;
}

/** Where a line announces a fault, what it says from there on. */
function headingOf(
  line: Line | undefined,
  console: readonly Line[],
  at: number,
): string | undefined {
  const found = line && announcement.exec(line.text);
  if (!found || harmless.some((pattern) => pattern.test(line.text))) return undefined;
  const heading = line.text.slice(found.index, found.index + maxHeading);
  if (heading.startsWith("Booting the kernel") && !isRunning(console, at)) return undefined;
  return heading;
}

function explain(
  heading: string,
  lines: readonly Line[],
  at: number,
  isPatient: boolean,
): Report | undefined {
  const found = fit(heading, lines) ?? (isPatient ? fit(joined(heading, lines), lines) : undefined);
  if (found) return { ...found, heading, lines, at };
  // The first line may be cut or new to us; a line that we know may follow in the same report.
  const word = heading.slice(0, heading.indexOf(":") + 1);
  for (const [index, line] of lines.slice(1, isPatient ? 200 : 1).entries()) {
    const start = word ? line.text.indexOf(word) : -1;
    if (start < 0) continue;
    const later = line.text.slice(start, start + maxHeading);
    const rest = lines.slice(index + 1);
    const known = fit(later, rest);
    if (known) return { ...known, heading: later, lines: rest, at };
  }
  return isFault(heading, lines) ? { captured: [], heading, lines, at } : undefined;
}

/** A name with a line break in it (programs call themselves what they like) breaks the announcement. */
function joined(heading: string, lines: readonly Line[]): string {
  return `${heading} ${lines[1]?.text ?? ""}`.slice(0, maxHeading);
}

/** An unknown wording counts when the kernel said it, and called it a bug or showed a stack. */
function isFault(heading: string, lines: readonly Line[]): boolean {
  if (lines[0]?.context === "user" && !heading.startsWith("BUG:")) return false;
  return !/^(?:WARNING|INFO):/.test(heading) || lines.some(({ text }) => callTrace.test(text));
}

function fit(
  heading: string,
  lines: readonly Line[],
): Pick<Report, "rule" | "captured"> | undefined {
  for (const rule of rules) {
    const said = rule.says.exec(heading);
    if (!said) continue;
    const captured = said.slice(1).map((text) => text ?? "");
    const details = find(lines, rule.details ?? []);
    if (details) return { rule, captured: [...captured, ...details] };
  }
  return undefined;
}

/** What the patterns capture on lines after the first, each at or after the line of the one before. */
function find(lines: readonly Line[], patterns: readonly RegExp[]): string[] | undefined {
  const captured: string[] = [];
  let at = 1;
  for (const pattern of patterns) {
    let found: RegExpExecArray | null = null;
    for (; at < lines.length && !found; at++) found = pattern.exec(lines[at]?.text ?? "");
    if (!found) return undefined;
    captured.push(...found.slice(1).map((text) => text ?? ""));
    at--; // The next detail may be on the same line.
    if (at < 1) at = 1;
  }
  return captured;
}

/** The lines that belong to whoever printed the announcement. */
function reporterLines(console: readonly Line[], at: number, reach: typeof farthest): Line[] {
  const { context } = console[at] ?? { context: "" };
  const isMarked = /^[CT]/.test(context);
  const end = Math.min(console.length, at + reach.console);
  const report: Line[] = [];
  let isTracingAll = false;
  for (let index = at; index < end && report.length < reach.own; index++) {
    const line = console[index];
    if (!line) break;
    const isFirst = index === at;
    // Without marks nobody can tell whose the lines behind a second announcement are.
    if (!isFirst && !isMarked && beginsAnother(line)) break;
    const isOwn = line.context === context || (isTracingAll && line.context.startsWith("C"));
    if (!isFirst && (!isOwn || leftover.test(line.text))) continue;
    if (line.text.includes("Sending NMI from CPU")) isTracingAll = true;
    // A panic behind a full report repeats its stack, and printing it may upset the lock validator.
    if (report.length > 22 && aftermath.test(line.text)) break;
    report.push(line);
  }
  return report;
}

const aftermath = /Kernel panic - not syncing|possible circular locking/;

function beginsAnother(line: Line): boolean {
  if (otherStack.test(line.text)) return true;
  return (
    announcement.test(line.text) &&
    !continuation.test(line.text) &&
    !harmless.some((pattern) => pattern.test(line.text))
  );
}

/** Firmware and boot loaders; a kernel that starts after these alone was just switched on. */
const firmware =
  /SeaBIOS|iPXE|Booting from|GRUB|Machine UUID|early console|KASLR|^Loading|input_data|input_len|output|kernel_total_size|needed_size|trampoline|Decompressing|^\s*$/;

function isRunning(console: readonly Line[], at: number): boolean {
  for (let index = at - 1; index >= Math.max(0, at - 200); index--)
    if (!firmware.test(console[index]?.text ?? "")) return true;
  return false;
}
