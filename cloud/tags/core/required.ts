/** Which tags must be on what is made. Pure. */
import { type Problem, problem } from "@holdfast/kernel/problem";

export interface RequiredTag {
  readonly key: string;
  /** Null: any value will do, as long as there is one. */
  readonly allowed: readonly string[] | null;
}

/** Why this may not be made; undefined: it may. */
export function tagsRefused(
  required: readonly RequiredTag[],
  tags: Readonly<Record<string, string>>,
): Problem | undefined {
  const faults = required.flatMap(({ key, allowed }) => {
    const value = Object.hasOwn(tags, key) ? tags[key] : undefined;
    const field = `body.tags.${key}`;
    if (value === undefined || value === "") return [{ field, reason: "is required here" }];
    if (allowed === null || allowed.includes(value)) return [];
    return [{ field, reason: `must be one of ${allowed.join(", ")}` }];
  });
  if (faults.length === 0) return undefined;
  const lacking = required.filter(({ key }) =>
    faults.some(({ field }) => field === `body.tags.${key}`),
  );
  const words = lacking.map(({ key, allowed }) => `--tag ${key}=${allowed?.[0] ?? "VALUE"}`);
  return problem(
    "invalid",
    "tag_required",
    `What is made in this project must have certain tags, and this has not: ${lacking.map(({ key }) => key).join(", ")}.`,
    { fix: `Give it: ${words.join(" ")}`, faults },
  );
}
