/**
 * Writes docs/invariants.md from the table of rules, so that what is published is what is checked. With `--check`
 * it writes nothing and fails when the page is out of date.
 * Usage: node --import tsx tools/invariants-docs.ts [--check]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Kind, kinds, ruleList } from "@holdfast/cloud/invariants";

const file = join(import.meta.dirname, "..", "docs", "invariants.md");
const titles: Readonly<Record<Kind, string>> = {
  instance: "Instances",
  host: "Hosts",
  job: "Jobs",
  volume: "Volumes",
  network: "Networks",
  work: "Planned work",
};

const section = (kind: Kind) =>
  `## ${titles[kind]}

| rule | what holds | or else |
|---|---|---|
${ruleList
  .filter((rule) => rule.kind === kind)
  .map(({ name, says, why, grace }) => {
    const late = grace ? ` (After ${grace.lasts / 1_000} s. ${grace.because})` : "";
    return `| \`${name}\` | ${says}${late} | ${why} |`;
  })
  .join("\n")}`;

const text = `# What always holds

Written from the table of rules by \`node --import tsx tools/invariants-docs.ts\`; do not edit.

These rules are never broken, whatever fails: after every commit, the rows of the database obey them all. \`holdfast
invariants\` lists them with when each was last checked and over how many things, and ends with 1 if one is broken.

\`\`\`sh
holdfast invariants                              # all rules
holdfast invariants --rule one-writer --rows     # one of them, with the rows that show each violation
holdfast invariants --json | jq '.violations'
\`\`\`

One of the managers looks every five seconds (\`manager.invariants\`, 0 for never): at everything that the journal
says has changed, at what is overdue, at what was broken before, and at the next 25 things of each kind, so that all
are looked at again and again. Everything in one look is of one moment. It locks nothing.

What a rule says is reckoned from the rows alone, not by the code that wrote them: the same rules judge the simulator
after every step.

## When one is broken

It is a fault of the platform, and nothing is done about it by itself: mending what nobody understands can make it
worse. It is in \`holdfast health\` as \`invariant-broken\`, in the manager's log, and in the metric
\`holdfast_invariant_violations\`.

1. Keep the evidence: \`holdfast invariants --json > violation.json\`, and \`holdfast history NAME\` of what it names.
2. \`one-writer\`, \`proof-before-start\`, \`home-ends-with-proof\`: an instance may run twice. Look on both hosts, and
   stop the one whose generation is lower.
3. \`capacity-adds-up\`: room is lost or promised twice. Nothing that runs is harmed; move work off that host before it
   is full.
4. \`jobs-end\`, \`looked-at-again\`, \`nothing-overdue\`: something is stuck. Ask for it once more; if that does not
   help, start the managers again: they hold no state.
5. Report it with the evidence.

A rule with a grace counts once it has been broken for so long at every look: what one process begins, another brings
to its end. What is due counts as late ten seconds after, and only if a manager was there to act on it. Where five hundred and
more are due they take turns, the oldest first, and late is who was passed over: seen in front for five seconds.

${kinds.map(section).join("\n\n")}
`;

if (!process.argv.includes("--check")) writeFileSync(file, text);
else if (existing() !== text) {
  console.error(
    "docs/invariants.md is out of date; write it again: node --import tsx tools/invariants-docs.ts",
  );
  process.exitCode = 1;
}

function existing(): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
