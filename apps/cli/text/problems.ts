/**
 * Errors for people: what happened, why, and what to type next.
 *
 * The order is that of reading: the message alone must do, whoever needs more reads on. Verdicts of
 * hosts come last but one because there may be a hundred.
 */
import { ExplanationView } from "@holdfast/cloud/placement/api";
import type { ProblemView } from "@holdfast/kernel/problem";
import { fixLines, verdictTable } from "./fleet.ts";
import { type Paint, table } from "./table.ts";
import { plain } from "./words.ts";

/** What to say about a problem. `requestId` finds it again in every log. */
export function problemText(
  problem: Omit<ProblemView, "kind">,
  requestId: string | undefined,
  paint: Paint,
): string {
  const { message, fix, faults = [], retryAfterSeconds, code, facts } = problem;
  const faultLines = faults.map(({ field, reason }) => [`  ${fieldName(field)}`, reason]);
  const hint = (name: string, text: string | undefined) =>
    text ? [`${paint("dim", `${name}:`.padEnd(9))}${plain(text)}`] : [];
  return [
    `${paint("bad", "error:")} ${plain(message)}`,
    ...(faultLines.length > 0 ? [table(["  FIELD", "REASON"], faultLines, paint)] : []),
    ...verdicts(facts, paint),
    ...hint("next", fix),
    ...hint("retry", retryAfterSeconds ? `in ${retryAfterSeconds} s` : undefined),
    ...hint("request", requestId),
    ...hint("more", `docs/problems/${plain(code)}.md`),
  ].join("\n");
}

/** `body.diskGiB` is where the program looks; `diskGiB` is what people wrote. */
const fieldName = (field: string) => field.replace(/^(body|query|params|path|header)\./, "");

const shapes = ExplanationView.shape;

/** The verdict of each host, and what would help, where a problem carries them. */
function verdicts(facts: ProblemView["facts"], paint: Paint): readonly string[] {
  const hosts = shapes.hosts.safeParse(facts?.hosts);
  const summary = shapes.summary.safeParse(facts?.summary);
  const fixes = shapes.nearestFixes.safeParse(facts?.nearestFixes);
  const rows = summary.success ? summary.data.map(({ rule, hosts: n }) => [rule, String(n)]) : [];
  return [
    ...(hosts.success && hosts.data.length > 0 ? ["", verdictTable(hosts.data, paint)] : []),
    // Whoever may not see the fleet is told how many, and not which.
    ...(!hosts.success && rows.length > 0
      ? ["", table(["RULE", "HOSTS REFUSED"], rows, paint)]
      : []),
    ...(fixes.success ? fixLines(fixes.data) : []),
    ...(hosts.success || rows.length > 0 ? [""] : []),
  ];
}
