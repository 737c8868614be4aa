/** How much a project may have. Pure declarations; edge/routes.ts answers them. */
import { changes, none, reads } from "@holdfast/kernel/declare";
import { inProject, ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { resourceNames } from "./core/quota.ts";

export const QuotaView = z.object({
  resource: z.enum(resourceNames),
  says: z.string(),
  used: z.number(),
  most: z.number().nullable().describe("Null: as much as there is."),
});
export type QuotaView = z.output<typeof QuotaView>;
const Quotas = z.object({ quotas: z.array(QuotaView) });

export const listQuotas = reads({
  path: "/v1/projects/:project/quotas",
  summary: "How much of everything a project has, and may have.",
  needs: "project:read",
  params: inProject,
  reply: Quotas,
});

export const setQuota = changes("PUT", {
  path: "/v1/quotas",
  summary: "How much of something a project may have. What it has already is left alone.",
  needs: "platform:operate",
  params: none,
  body: z.strictObject({
    project: ProjectParam,
    resource: z.enum(resourceNames),
    most: z.number().int().min(0).max(1e12).nullable().describe("Null: as much as there is."),
  }),
  reply: [200, QuotaView],
  fails: { project_not_found: "not_found" },
});
