/** What the world may ask about everything that always holds. Pure declarations; edge/routes.ts answers them. */
import { none, reads } from "@holdfast/kernel/declare";
import { z } from "zod";
import { kinds } from "./core/model.ts";

export const RuleView = z.object({
  name: z.string(),
  about: z.enum(kinds),
  says: z.string().describe("What holds."),
  why: z.string().describe("What would happen to somebody if it did not."),
  graceSeconds: z
    .number()
    .describe("It counts once it has been broken for so long at every look; 0: at once."),
  graceBecause: z.string().nullable(),
  checkedAt: z.number().nullable().describe("When it was last asked; null: not yet."),
  subjects: z
    .number()
    .int()
    .describe("Of how many it was asked then: of what had changed, and of the next few of all."),
  roundAt: z.number().nullable().describe("When it had last been asked of all that there are."),
  roundOf: z.number().int().nullable().describe("How many those were."),
  violations: z.number().int().describe("Of those that are listed."),
});
export type RuleView = z.output<typeof RuleView>;

export const ViolationView = z.object({
  rule: z.string(),
  about: z.enum(kinds),
  subject: z.string().describe("Its id."),
  name: z.string(),
  says: z.string(),
  since: z.number().describe("When it was first seen."),
  rows: z.unknown().describe("What was read of it, which shows it."),
});
export type ViolationView = z.output<typeof ViolationView>;

export const getInvariants = reads({
  path: "/v1/invariants",
  summary:
    "Everything that always holds: each rule, when it was last checked and over how many things, and whatever breaks one now with the rows that show it.",
  needs: "platform:read",
  params: none,
  reply: z.object({
    holds: z.boolean().describe("Somebody has looked, and nothing is broken."),
    checkedAt: z.number().nullable().describe("The last look; null: nobody has looked yet."),
    manager: z.string().nullable().describe("Who looks."),
    rules: z.array(RuleView),
    broken: z.number().int().describe("How many violations there are."),
    violations: z.array(ViolationView).describe("The oldest 50 of them."),
  }),
});
