/**
 * Reads the serial console of a guest and says what its kernel died of, where, and whose fault it is.
 *
 * The first fault is the one that counts: what follows it is damage (a second oops while printing the
 * first, a panic because of a warning). The one exception is a panic that says a reason of its own
 * long after a fault that the guest had survived.
 */
import { type Line, linesOf } from "./console.ts";
import { type Frame, findCulprit, framesOf } from "./frames.ts";
import type { FaultClass, Triage } from "./model.ts";
import { findModule } from "./modules.ts";
import { findReport, type Report } from "./recognise.ts";
import { findSign } from "./signs.ts";
import { judge } from "./verdict.ts";

export type { FaultClass, Layer, Triage, Verdict } from "./model.ts";
export { faultClasses } from "./model.ts";

/** How many lines of the console a triage quotes. */
export const maxEvidence = 24;

/**
 * What the console of one guest says about its end. Give it the whole console or its tail, as text or
 * as lines; megabytes are fine, the time grows with the length only. Never throws.
 */
export function triage(console: string | readonly string[]): Triage {
  const boots = bootsIn(linesOf(console));
  for (const boot of boots.reverse()) {
    const report = findReport(boot);
    if (report) return explain(laterPanic(boot, report) ?? report, boot);
  }
  return signOf(boots[0] ?? []);
}

/** One console holds as many lives as the guest was started; the last that failed is the one asked about. */
function bootsIn(console: readonly Line[]): (readonly Line[])[] {
  const boots: (readonly Line[])[] = [];
  let start = 0;
  for (const [index, { text, at }] of console.entries()) {
    // Every kernel begins with its version, at time zero.
    if (index === 0 || at !== 0 || !text.startsWith("Linux version ")) continue;
    boots.push(console.slice(start, index));
    start = index;
  }
  return [...boots, console.slice(start)];
}

/** Longer than it takes to print the longest report over a slow line. */
const survived = 10;

/** A panic with a reason of its own, long after a fault that the guest had survived. */
function laterPanic(console: readonly Line[], report: Report): Report | undefined {
  const first = console[report.at];
  if (first?.at === undefined || report.heading.startsWith("Kernel panic")) return undefined;
  for (let index = report.at + 1; index < console.length; index++) {
    const line = console[index];
    if (!line?.text.startsWith("Kernel panic - not syncing: ")) continue;
    if (line.at === undefined || line.at - first.at < survived || consequence.test(line.text))
      return undefined;
    return findReport(console, index);
  }
  return undefined;
}

/** Panics that only say that something was reported before. */
const consequence =
  /Fatal exception|\bset \.\.\.|panic_on_warn|hung_task|softlockup|hard lockup|RCU stall|blocked tasks|stall/i;

function explain(report: Report, console: readonly Line[]): Triage {
  const { rule, captured, heading, lines, at } = report;
  const culprit = rule?.culprit && findCulprit(lines, rule.culprit);
  const title = titleOf(report, culprit);
  const name = culprit?.name ?? nameIn(title);
  const fault =
    typeof rule?.class === "function" ? rule.class(captured) : (rule?.class ?? classOf(heading));
  const module = findModule(culprit ?? named(name, lines), heading);
  const panic = console.slice(at).find(({ text }) => text.includes("Kernel panic - not syncing"));
  const facts = {
    class: fault,
    function: name,
    module,
    meaning: rule?.meaning ?? "The wording is not known to us.",
    report: lines,
    console,
  };
  return {
    isCrash: true,
    hasPanicked: panic !== undefined,
    class: fault,
    title,
    ...(name ? { function: name } : {}),
    ...(module ? { module } : {}),
    verdict: judge(facts),
    lines: evidence(lines, culprit, panic),
  };
}

function signOf(console: readonly Line[]): Triage {
  const found = findSign(console);
  const none = { isCrash: false, hasPanicked: false, class: "none", title: "", lines: [] } as const;
  if (!found) return none;
  const { class: fault, title, meaning } = found.sign;
  const facts = { class: fault, function: undefined, module: undefined, meaning };
  const verdict = judge({ ...facts, report: found.lines, console });
  return { ...none, class: fault, title, verdict, lines: found.lines.map(({ raw }) => raw) };
}

function titleOf({ rule, captured, heading }: Report, culprit: Frame | undefined): string {
  const title = rule
    ? rule.title.replace(/\{(\d|f)\}/g, (_, key: string) =>
        key === "f" ? (culprit?.name ?? "corrupted") : (captured[Number(key) - 1] ?? ""),
      )
    : heading;
  return withoutAccidents(title);
}

/** Takes out of a title what differs each time the same fault happens. */
function withoutAccidents(title: string): string {
  return title
    .slice(0, 400)
    .replace(/([A-Za-z_][\w.]*)\+0x[0-9a-f]+\/0x[0-9a-f]+/g, "$1")
    .replace(/([^A-Za-z])(?:0x)?[0-9a-f]{6,}/g, "$1ADDR")
    .replace(/(?<![A-Za-z0-9_])\d+/g, "NUM")
    .replace(/[^\x20-\x7e]+/g, " ")
    .replace(/ {2,}/g, " ")
    .trim()
    .slice(0, 120)
    .trim();
}

function nameIn(title: string): string | undefined {
  const name = /^.* in ((?:<[^>]+>::)?[A-Za-z_][\w:]*)/.exec(title)?.[1];
  return name === "corrupted" ? undefined : name;
}

/** The frame of a function that a rule captured, for its module. */
function named(name: string | undefined, lines: readonly Line[]): Frame | undefined {
  if (name === undefined) return undefined;
  for (const line of lines) {
    if (!line.text.includes(name)) continue;
    const frame = framesOf(line).find((frame) => frame.name === name);
    if (frame) return frame;
  }
  return { name, line: { raw: "", text: "", context: "" } };
}

function classOf(heading: string): FaultClass {
  return /^WARNING/.test(heading) ? "warning" : "bug";
}

/** The announcement, who ran, the top of the stack down to the function at fault, and the panic. */
function evidence(
  lines: readonly Line[],
  culprit: Frame | undefined,
  panic: Line | undefined,
): string[] {
  const [first, ...rest] = lines;
  const telling = rest.filter(
    (line) =>
      line === culprit?.line ||
      /Comm: |\b[NRE]?IP: |PC is at|pc : |trying to acquire|blocked for more|Call [Tt]race|exitcode/.test(
        line.text,
      ) ||
      framesOf(line).length > 0,
  );
  const chosen = first ? [first, ...telling.slice(0, maxEvidence - 2)] : [];
  if (panic && !chosen.includes(panic)) chosen.push(panic);
  return chosen.map(({ raw }) => raw.slice(0, 400));
}
