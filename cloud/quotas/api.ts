/** How much a project may have, and which tags its things must have. Pure declarations; edge/routes.ts answers them. */
import type { OrganisationId } from "@holdfast/kernel/ids";
import { route } from "@holdfast/kernel/route";
import { ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { resourceNames } from "./core/quota.ts";

const none = z.strictObject({});
const inProject = z.object({ project: ProjectParam });
const inOrganisation = z.object({
  organisation: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be an organisation's name or id")
    .transform((text) => text as OrganisationId), // Looked up before any handler sees it.
});

export const QuotaView = z.object({
  resource: z.enum(resourceNames),
  says: z.string(),
  used: z.number(),
  most: z.number().nullable().describe("Null: as much as there is."),
});
export type QuotaView = z.output<typeof QuotaView>;
const Quotas = z.object({ quotas: z.array(QuotaView) });

export const listQuotas = route({
  method: "GET",
  path: "/v1/projects/:project/quotas",
  summary: "How much of everything a project has, and may have.",
  needs: "project:read",
  params: inProject,
  query: none,
  body: z.undefined(),
  reply: [200, Quotas],
  fails: {},
});

export const setQuota = route({
  method: "PUT",
  path: "/v1/quotas",
  summary: "How much of something a project may have. What it has already is left alone.",
  needs: "platform:operate",
  params: none,
  query: none,
  body: z.strictObject({
    project: ProjectParam,
    resource: z.enum(resourceNames),
    most: z.number().int().min(0).max(1e12).nullable().describe("Null: as much as there is."),
  }),
  reply: [200, QuotaView],
  fails: { project_not_found: "not_found" },
});

/** As they are on things, here and in the API of EC2. */
export const TagKey = z.string().min(1).max(128);
export const Tags = z
  .record(TagKey, z.string().max(256))
  .refine((tags) => Object.keys(tags).length <= 50, "must be at most 50");

const RequiredTagView = z.strictObject({
  key: TagKey,
  allowed: z
    .array(z.string().min(1).max(256))
    .min(1)
    .max(100)
    .nullable()
    .describe("Null: any value."),
});
export type RequiredTagView = z.output<typeof RequiredTagView>;
const RequiredTags = z.object({ tags: z.array(RequiredTagView).max(20) });

export const listRequiredTags = route({
  method: "GET",
  path: "/v1/projects/:project/required-tags",
  summary:
    "The tags without which nothing is made in a project, those of its organisation among them.",
  needs: "project:read",
  params: inProject,
  query: none,
  body: z.undefined(),
  reply: [200, RequiredTags],
  fails: {},
});

export const setRequiredTags = route({
  method: "PUT",
  path: "/v1/projects/:project/required-tags",
  summary: "The tags without which nothing is made in a project from now on.",
  needs: "project:configure",
  params: inProject,
  query: none,
  body: z.strictObject({ tags: z.array(RequiredTagView).max(20) }),
  reply: [200, RequiredTags],
  fails: {},
});

export const setOrganisationRequiredTags = route({
  method: "PUT",
  path: "/v1/organisations/:organisation/required-tags",
  summary: "The same for all projects of an organisation.",
  needs: "organisation:grant",
  params: inOrganisation,
  query: none,
  body: z.strictObject({ tags: z.array(RequiredTagView).max(20) }),
  reply: [200, RequiredTags],
  fails: {},
});
