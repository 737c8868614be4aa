/** What always holds, for people: what is broken first, then every rule with when it was asked of how many. */
import type { ReplyOf } from "@holdfast/client/client";
import type { getInvariants, RuleView, ViolationView } from "@holdfast/cloud/invariants/api";
import type { Instant } from "@holdfast/kernel/time";
import { type Cell, facts, type Paint, table } from "./table.ts";
import { counted, plain, relative } from "./words.ts";

interface How {
  /** One rule was asked for by name. */
  readonly isOne: boolean;
  readonly withRows: boolean;
}

export function invariantsText(
  { checkedAt, rules, broken, violations }: ReplyOf<typeof getInvariants>,
  { isOne, withRows }: How,
  now: Instant,
  paint: Paint,
): string {
  const head =
    checkedAt === null
      ? paint(
          "busy",
          "Nobody has looked yet: a manager does within seconds, unless manager.invariants is 0.",
        )
      : broken === 0
        ? paint("good", `All hold, as of ${relative(checkedAt, now)}.`)
        : paint("bad", `${counted(broken, "violation")}, as of ${relative(checkedAt, now)}.`);
  const [rule] = rules;
  return [
    head,
    ...violations.map((one) => violationText(one, withRows, now, paint)),
    isOne && rule ? ruleText(rule, now, paint) : ruleTable(rules, now, paint),
  ].join("\n\n");
}

function violationText(
  { rule, about, name, subject, says, since, rows }: ViolationView,
  withRows: boolean,
  now: Instant,
  paint: Paint,
): string {
  const head = `${paint("bad", rule)}  ${about} ${paint("strong", plain(name))}, ${relative(since, now)}`;
  const told = facts(
    [
      ["what", plain(says)],
      ["id", subject],
    ],
    paint,
  );
  return withRows
    ? `${head}\n${told}\n${plainLines(JSON.stringify(rows, null, 2))}`
    : `${head}\n${told}`;
}

const plainLines = (text: string) =>
  text
    .split("\n")
    .map((line) => `    ${plain(line)}`)
    .join("\n");

function ruleTable(rules: readonly RuleView[], now: Instant, paint: Paint): string {
  return table(
    ["RULE", "ABOUT", "HOLDS", "CHECKED", "OF", "OF ALL", "HOW MANY"],
    rules.map((rule): readonly Cell[] => [
      rule.name,
      rule.about,
      holdsCell(rule),
      rule.checkedAt === null ? "-" : relative(rule.checkedAt, now),
      String(rule.subjects),
      rule.roundAt === null ? "-" : relative(rule.roundAt, now),
      String(rule.roundOf ?? "-"),
    ]),
    paint,
  );
}

function ruleText(rule: RuleView, now: Instant, paint: Paint): string {
  const { name, about, says, why, graceSeconds, graceBecause } = rule;
  return [
    `${paint("strong", name)}, of every ${about}`,
    facts(
      [
        ["says", says],
        ["why", why],
        ["holds", holdsCell(rule)],
        ["grace", graceSeconds > 0 ? `${graceSeconds} s. ${graceBecause ?? ""}` : ""],
        [
          "checked",
          rule.checkedAt === null
            ? "not yet"
            : `${relative(rule.checkedAt, now)}, of ${rule.subjects}`,
        ],
        [
          "of all",
          rule.roundAt === null ? "not yet" : `${relative(rule.roundAt, now)}, of ${rule.roundOf}`,
        ],
      ],
      paint,
    ),
  ].join("\n");
}

const holdsCell = ({ violations, checkedAt }: RuleView): Cell =>
  violations > 0
    ? { text: `no: ${violations}`, tone: "bad" }
    : checkedAt === null
      ? { text: "not known", tone: "busy" }
      : { text: "yes", tone: "good" };
