/**
 * The inquest: from evidence to a certificate with exactly one cause.
 *
 * Pure and total. It may be held again whenever more is known (a host that comes back tells what it saw), and
 * the same evidence always gives the same certificate; so nothing here asks what was concluded before.
 */
import type { DeathCertificate, Finding, Missing, Panic } from "./certificate.ts";
import { type ClueName, clueNames, clues } from "./clues.ts";
import { type Evidence, endOf } from "./evidence.ts";
import type { Triage } from "./panic/model.ts";
import { triage } from "./panic/triage.ts";
import { type Found, holds, type Rule, rules, sentenceOf } from "./rules.ts";
import { type CauseClass, meaningOf } from "./taxonomy.ts";

/** Enough for the end of a call trace and what came before it. */
const keptConsole = 12;

export function inquest(evidence: Evidence): DeathCertificate {
  const found = lookFor(evidence);
  const rule = rules.find((one) => holds(one, found));
  const cause: CauseClass = rule?.cause ?? "unknown";
  const meaning = meaningOf(cause);
  const words = guestsOwn.has(cause) ? triaged(evidence) : undefined;
  const { instance, generation, host, report } = evidence;
  const console = words && words.lines.length > 0 ? words.lines : (report?.consoleTail ?? []);
  return {
    instance,
    generation,
    host,
    at: endOf(evidence),
    cause,
    layer: words?.verdict?.layer ?? meaning.layer,
    says: rule ? sentenceFor(rule, found, evidence, words) : nobodyKnows(found),
    confidence: rule ? confidenceOf(rule, found) : "none",
    evidence: inOrder(found),
    sought: soughtBy(rule, found),
    console: console.slice(-keptConsole),
    ...(words?.verdict ? { panic: panicOf(words, words.verdict.because) } : {}),
    recovery: meaning.recovery,
    next: meaning.next.replaceAll("HOST", host.name),
  };
}

function lookFor(evidence: Evidence): Found {
  const found: Partial<Record<ClueName, readonly Finding[]>> = {};
  for (const name of clueNames) {
    const findings = clues[name].look(evidence);
    if (findings.length > 0) found[name] = findings;
  }
  return found;
}

function confidenceOf(
  { isLikely, doubts = [] }: Rule,
  found: Found,
): DeathCertificate["confidence"] {
  return isLikely || doubts.some((clue) => found[clue]) ? "likely" : "certain";
}

/** Everything that was found, also what the cause does not need: whoever reads it may see further. */
function inOrder(found: Found): readonly Finding[] {
  const all = clueNames.flatMap((name) => found[name] ?? []);
  const unique = new Map(all.map((finding) => [`${finding.source} ${finding.says}`, finding]));
  return [...unique.values()].sort((a, b) => a.at - b.at);
}

/** With a cause, what would have said more; without one, everything. */
function soughtBy(rule: Rule | undefined, found: Found): readonly Missing[] {
  const names = rule ? (rule.wants ?? []) : clueNames;
  return names
    .filter((name) => found[name] === undefined)
    .map((name) => ({ what: clues[name].seeks, found: false, why: clues[name].why }));
}

const nobodyKnows = ({ unrecorded, record }: Found) =>
  unrecorded || record
    ? "The process is gone, and nothing on its host says why."
    : "It is gone, and its host has not reported how.";

function sentenceFor(
  rule: Rule,
  found: Found,
  evidence: Evidence,
  words: Triage | undefined,
): string {
  const sentence = sentenceOf(rule, found, evidence);
  return words && rule.cause === "guest-panic" ? `Its kernel panicked: ${words.title}.` : sentence;
}

/** Ends that a guest brings about itself, so that what its kernel said is worth reading. */
const guestsOwn: ReadonlySet<CauseClass> = new Set([
  ...(["guest-panic", "guest-hang", "guest-reset-loop", "boot-timeout"] as const),
]);

/** What its console says of its kernel. A warning is a fault too, but nothing dies of one. */
function triaged({ report }: Evidence): Triage | undefined {
  if (!report) return undefined;
  const words = triage(report.consoleTail);
  const isFatal = words.isCrash && (words.hasPanicked || !harmless.has(words.class));
  return isFatal ? words : undefined;
}

const harmless: ReadonlySet<Triage["class"]> = new Set(["warning", "program-crash", "memory-leak"]);

const panicOf = ({ class: kind, title, function: at, module }: Triage, because: string): Panic => ({
  class: kind,
  title,
  ...(at === undefined ? {} : { function: at }),
  ...(module === undefined ? {} : { module }),
  because,
});
