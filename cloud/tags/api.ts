/** Tags: words of users on their things, and which there must be. Pure declarations; edge/routes.ts answers them. */

import { changes, reads } from "@holdfast/kernel/declare";
import { inProject, OrganisationParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { longestKey, longestValue, mostTags, taggableKinds } from "./core/taggable.ts";

const inOrganisation = z.object({ organisation: OrganisationParam });

/** As they are given to things, here and in the API of EC2. */
export const TagKey = z.string().min(1).max(longestKey);
export const Tags = z
  .record(TagKey, z.string().max(longestValue))
  .refine((tags) => Object.keys(tags).length <= mostTags, `must be at most ${mostTags}`);
/** Of a view. */
export const TagsShown = z
  .record(z.string(), z.string())
  .describe("Words of yours on it: the tags of EC2 are the same ones.");
/** Of a list's query. */
export const TagFilter = z
  .string()
  // A replacement character stands for what was no text.
  .regex(/^[^=\ufffd]{1,128}(=[^\ufffd]{0,256})?$/, "must be KEY or KEY=VALUE")
  .describe("Only those with this tag: KEY=VALUE, or KEY with whatever value.");

export const changeTags = changes("PATCH", {
  path: "/v1/projects/:project/tags",
  summary: "Put tags on something of the project, change their values, or take them away.",
  needs: "project:operate",
  params: inProject,
  body: z.strictObject({
    kind: z.enum(taggableKinds),
    thing: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._@:-]{0,62}$/, "must be the name or the id of something")
      .describe("Its name or id; of an address, itself."),
    set: Tags.default({}),
    remove: z.array(TagKey).max(mostTags).default([]),
  }),
  reply: [200, z.object({ tags: TagsShown })],
  fails: {
    too_many_tags: "exhausted",
    instance_not_found: "not_found",
    volume_not_found: "not_found",
    snapshot_not_found: "not_found",
    image_not_found: "not_found",
    group_not_found: "not_found",
    key_not_found: "not_found",
    address_not_found: "not_found",
  },
});

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

export const listRequiredTags = reads({
  path: "/v1/projects/:project/required-tags",
  summary:
    "The tags without which nothing is made in a project, those of its organisation among them.",
  needs: "project:read",
  params: inProject,
  reply: RequiredTags,
});

export const setRequiredTags = changes("PUT", {
  path: "/v1/projects/:project/required-tags",
  summary: "The tags without which nothing is made in a project from now on.",
  needs: "project:configure",
  params: inProject,
  body: z.strictObject({ tags: z.array(RequiredTagView).max(20) }),
  reply: [200, RequiredTags],
});

export const setOrganisationRequiredTags = changes("PUT", {
  path: "/v1/organisations/:organisation/required-tags",
  summary: "The same for all projects of an organisation.",
  needs: "organisation:grant",
  params: inOrganisation,
  body: z.strictObject({ tags: z.array(RequiredTagView).max(20) }),
  reply: [200, RequiredTags],
});
