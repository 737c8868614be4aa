/**
 * Writes the table of actions in docs/ec2.md from the one that the door serves, so that it promises no more than that.
 * With `--check` it writes nothing and fails when the page is out of date.
 * Usage: node --import tsx tools/ec2-docs.ts [--check]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Action, actionNames, actions } from "@holdfast/cloud/ec2";

const file = join(import.meta.dirname, "..", "docs", "ec2.md");
const [begin, end] = ["<!-- actions: begin -->", "<!-- actions: end -->"];

const rows = actionNames.map((name) => {
  const { noun, is, note, needs }: Action = actions[name];
  return `| ${noun} | \`${name}\` | ${is} | ${note ?? ""} | \`${needs}\` |`;
});
const counts = (["works", "partly"] as const).map(
  (is) =>
    `${actionNames.filter((name) => actions[name].is === is).length} ${is === "works" ? "work" : "work partly"}`,
);
const table = `${begin}
<!-- Written by \`node --import tsx tools/ec2-docs.ts\`; do not edit. -->

Of ${actionNames.length} actions ${counts.join(" and ")}; \`GetCallerIdentity\` of STS works. Every other one answers
\`UnsupportedOperation\`.

| | Action | | What is missing | Needs |
|---|---|---|---|---|
${rows.join("\n")}
${end}`;

const page = readFileSync(file, "utf8");
const wanted =
  page.slice(0, page.indexOf(begin)) + table + page.slice(page.indexOf(end) + end.length);
if (!process.argv.includes("--check")) writeFileSync(file, wanted);
else if (page !== wanted) {
  console.error("docs/ec2.md is out of date; write it again: node --import tsx tools/ec2-docs.ts");
  process.exitCode = 1;
}
