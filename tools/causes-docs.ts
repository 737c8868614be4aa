/**
 * Writes docs/causes.md from the coroner's own tables, so that the published taxonomy is the one that is
 * used. With `--check` it writes nothing and fails when the page is out of date.
 * Usage: node --import tsx tools/causes-docs.ts [--check]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type CauseClass,
  causeClasses,
  clueNames,
  clues,
  meaningOf,
  rules,
} from "@holdfast/cloud/deaths";

const file = join(import.meta.dirname, "..", "docs", "causes.md");
const recoveries = {
  "in-place": "on the same host",
  elsewhere: "on another host",
  none: "no, not by itself",
} as const;

const name = (clue: string) => `\`${clue}\``;
const list = (clues: readonly string[]) => clues.map(name).join(", ");

function ruleText({
  needs,
  oneOf,
  unless,
  doubts,
  wants,
  isLikely,
}: (typeof rules)[number]): string {
  const found = [needs.length > 0 ? list(needs) : "", oneOf ? `one of ${list(oneOf)}` : ""];
  return [
    `found: ${found.filter(Boolean).join(" and ")}`,
    unless?.length ? `not found: ${list(unless)}` : "",
    isLikely ? "never more than likely" : "",
    doubts?.length ? `only likely with: ${list(doubts)}` : "",
    wants?.length ? `would say more: ${list(wants)}` : "",
  ]
    .filter(Boolean)
    .join("; ");
}

function section(cause: CauseClass): string {
  const { means, layer, next, recovery, isBlameless, is } = meaningOf(cause);
  const mine = rules.flatMap((rule, index) =>
    rule.cause === cause ? [`- rule ${index + 1}, ${ruleText(rule)}`] : [],
  );
  const budget =
    is === "end" && recovery !== "none" && isBlameless
      ? ", at no cost to its budget of restarts"
      : "";
  const facts = [
    `- layer: ${layer}${cause === "guest-panic" ? " (or what its console says: infrastructure, base-image or application)" : ""}`,
    ...(is === "end" ? [`- started again: ${recoveries[recovery]}${budget}`] : []),
    `- next: ${next}`,
    ...mine,
    ...(cause === "unknown"
      ? ["- when no rule holds; the certificate lists every clue that was sought"]
      : []),
  ];
  return `### ${cause}\n\n${means}\n\n${facts.join("\n")}`;
}

const of = (is: "end" | "obstacle") => causeClasses.filter((cause) => meaningOf(cause).is === is);
const text = `# Causes of death

Written from the tables in the code by \`node --import tsx tools/causes-docs.ts\`; do not edit.

Every end of an instance's process that nobody asked for gets a certificate with exactly one of these
causes: \`holdfast why INSTANCE\`. The names are stable; alarms and programs may rely on them. \`INSTANCE\` and
\`HOST\` stand for names.

An inquest looks for every clue below and then goes through the rules in order; the first that holds is the
cause. What ends others comes before what is ended by it: a disk error explains a panic, a panic explains a
boot that took too long. That something was *not* found never counts for a cause. In particular, silence is
no death: a host is dead with a proof, or it is silent.

## Ends

${of("end").map(section).join("\n\n")}

## Obstacles

No process ended; these say why none runs.

${of("obstacle").map(section).join("\n\n")}

## Clues

| clue | what is looked for | why it matters |
|---|---|---|
${clueNames.map((clue) => `| ${name(clue)} | ${clues[clue].seeks} | ${clues[clue].why} |`).join("\n")}
`;

if (!process.argv.includes("--check")) writeFileSync(file, text);
else if (existing() !== text) {
  console.error(
    "docs/causes.md is out of date; write it again: node --import tsx tools/causes-docs.ts",
  );
  process.exitCode = 1;
}

function existing(): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // Not written yet: out of date.
  }
}
