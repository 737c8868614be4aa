/** Instances as they are, and what can be changed of one without its guest being asked. */
import { TagFilter } from "@holdfast/cloud/tags";
import { changes, reads } from "@holdfast/kernel/declare";
import { Cursor, inProject, Label } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { lifecycle } from "../core/lifecycle.ts";
import {
  Dependencies,
  InstanceView,
  Metadata,
  MetadataHops,
  MetadataTokens,
  ofInstance,
  Priority,
  Recovery,
} from "./words.ts";

export const listInstances = reads({
  path: "/v1/projects/:project/instances",
  summary: "Instances, oldest first, a page at a time. Expunged ones only when asked for by state.",
  needs: "project:read",
  params: inProject,
  query: z.strictObject({
    state: z.enum(lifecycle.states).optional(),
    host: Label.optional(),
    name: Label.optional(),
    tag: TagFilter.optional(),
    limit: z.coerce.number().int().min(1).max(1_000).default(100),
    after: Cursor.optional(),
  }),
  reply: z.object({ instances: z.array(InstanceView), next: z.string().nullable() }),
  fails: { cursor_not_valid: "invalid" },
});

export const getInstance = reads({
  path: "/v1/projects/:project/instances/:instance",
  summary: "One instance.",
  needs: "project:read",
  params: ofInstance,
  reply: InstanceView,
  fails: { instance_not_found: "not_found" },
});

export const changeRecovery = changes("PATCH", {
  path: "/v1/projects/:project/instances/:instance/recovery",
  summary: "Change what automation does when this instance has died.",
  needs: "project:operate",
  params: ofInstance,
  body: z.strictObject({
    recovery: Recovery.optional(),
    priority: Priority.optional(),
    dependsOn: Dependencies.optional(),
  }),
  reply: [200, InstanceView],
  fails: { instance_not_found: "not_found", dependency_circular: "conflict" },
});

export const changeInstanceType = changes("PUT", {
  path: "/v1/projects/:project/instances/:instance/type",
  summary: "Give a stopped instance another type, with which it is started next. Its disks stay.",
  needs: "project:operate",
  params: ofInstance,
  body: z.strictObject({ type: Label }),
  reply: [200, InstanceView],
  fails: {
    quota_exceeded: "exhausted",
    instance_not_found: "not_found",
    type_not_found: "not_found",
    instance_not_stopped: "conflict",
    memory_too_small: "invalid",
  },
});

export const protectInstance = changes("PUT", {
  path: "/v1/projects/:project/instances/:instance/protection",
  summary: "Refuse, or allow again, to destroy this instance.",
  needs: "project:operate",
  params: ofInstance,
  body: z.strictObject({ isProtected: z.boolean() }),
  reply: [200, InstanceView],
  fails: { instance_not_found: "not_found", not_in_this_state: "conflict" },
});

export const changeMetadata = changes("PUT", {
  path: "/v1/projects/:project/instances/:instance/metadata",
  summary:
    "Have the guest of an instance asked for a token where it asks for its metadata, or not; say how far answers reach then; or have it answered nothing. It holds at once, also where it runs.",
  needs: "project:operate",
  params: ofInstance,
  body: z
    .strictObject({
      metadata: Metadata.optional(),
      metadataTokens: MetadataTokens.optional(),
      metadataHops: MetadataHops.optional(),
    })
    .describe("What is not said stays as it is."),
  reply: [200, InstanceView],
  fails: { instance_not_found: "not_found" },
});
