/** The answer to ../api.ts. */
import { handle } from "@holdfast/kernel/route";
import type { Sql } from "@holdfast/store/database";
import { getInvariants, type RuleView } from "../api.ts";
import { ruleList } from "../core/rules.ts";
import { type LookRow, readLook } from "./watch.ts";

export function invariantRoutes(sql: Sql) {
  return {
    getInvariants: handle(getInvariants, async () => {
      const look = await readLook(sql);
      return {
        holds: look?.broken === 0,
        checkedAt: look?.at ?? null,
        manager: look?.manager ?? null,
        rules: ruleList.map((rule) => viewOf(rule, look)),
        broken: look?.broken ?? 0,
        violations: (look?.violations ?? []).map(({ kind: about, ...one }) => ({ ...one, about })),
      };
    }),
  };
}

function viewOf(
  { name, kind, says, why, grace }: (typeof ruleList)[number],
  look: LookRow | undefined,
): RuleView {
  const seen = look?.kinds[kind];
  return {
    ...{ name, about: kind, says, why },
    graceSeconds: (grace?.lasts ?? 0) / 1_000,
    graceBecause: grace?.because ?? null,
    ...{ checkedAt: seen?.at ?? null, subjects: seen?.subjects ?? 0 },
    ...{ roundAt: seen?.roundAt ?? null, roundOf: seen?.roundOf ?? null },
    violations: (look?.violations ?? []).filter(({ rule }) => rule === name).length,
  };
}

/** For metrics: each rule with how many violations of it are listed, and when somebody last looked. */
export async function invariantCounts(sql: Sql): Promise<{
  readonly at: number | null;
  readonly rules: readonly { readonly name: string; readonly violations: number }[];
}> {
  const look = await readLook(sql);
  return {
    at: look?.at ?? null,
    rules: ruleList.map(({ name }) => ({
      name,
      violations: (look?.violations ?? []).filter(({ rule }) => rule === name).length,
    })),
  };
}
