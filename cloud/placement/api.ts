/** What the world may ask about placement: a dry run with the verdict of every host. */
import { changes } from "@holdfast/kernel/declare";
import { inProject, Label } from "@holdfast/kernel/shapes";
import { z } from "zod";

const quantity = z.union([z.string(), z.number()]);

export const ExplanationView = z.object({
  planner: z.string(),
  chosen: z.string().nullable(),
  hosts: z.array(
    z.object({
      host: z.string(),
      name: z.string(),
      verdict: z.enum(["chosen", "feasible", "rejected"]),
      score: z.number().optional(),
      merit: z.string().optional(),
      concerns: z.array(z.string()),
      rejections: z.array(
        z.object({
          rule: z.string(),
          have: quantity,
          need: quantity,
          unit: z.string().optional(),
          shortBy: z.number().optional(),
        }),
      ),
    }),
  ),
  summary: z.array(z.object({ rule: z.string(), hosts: z.number().int() })),
  nearestFixes: z.array(
    z.object({ kind: z.string(), change: z.string(), wouldAdmit: z.array(z.string()) }),
  ),
});
export type ExplanationView = z.output<typeof ExplanationView>;

export const explainPlacement = changes("POST", {
  path: "/v1/projects/:project/placements/explain",
  summary:
    "Where an instance would go, and why not elsewhere. Changes nothing; a real request gets the same answer.",
  needs: "project:read",
  params: inProject,
  body: z.strictObject({
    type: Label.default("tiny"),
    zone: Label.optional(),
    hostTags: z.array(Label).max(32).default([]),
    antiAffinityGroup: Label.optional(),
  }),
  reply: [200, ExplanationView],
  fails: { type_not_found: "not_found" },
});
