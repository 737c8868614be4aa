/** Security groups and their rules, and who is in them. */
import { Name } from "@holdfast/cloud/instances/api";
import { TagsShown } from "@holdfast/cloud/tags";
import { changes, lists, reads, removes } from "@holdfast/kernel/declare";
import { inProject, NameOrId, Next } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { protocols } from "../core/model.ts";
import { CidrText, PortNumber } from "./words.ts";

const ofGroup = inProject.extend({ group: NameOrId });

export const RuleView = z.object({
  id: z.string(),
  direction: z.enum(["ingress", "egress"]),
  protocol: z.enum(protocols),
  fromPort: z.number().int().nullable().describe("Null: every port."),
  toPort: z.number().int().nullable(),
  cidr: z.string().nullable(),
  group: z.string().nullable().describe("The name of the group whose members are meant."),
});
export const GroupView = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  rules: z.array(RuleView),
  instances: z.array(z.string()).describe("Names of those that are in it."),
  createdAt: z.number(),
  tags: TagsShown,
});
export type GroupView = z.output<typeof GroupView>;

/** What fits together is looked at by core/rule.ts: JSON Schema has no short way to say it. */
export const NewRule = z.strictObject({
  direction: z.enum(["ingress", "egress"]).default("ingress"),
  protocol: z.enum(protocols).default("tcp"),
  fromPort: PortNumber.optional().describe("Of tcp and udp; every port if absent."),
  toPort: PortNumber.optional().describe("As `fromPort` if absent."),
  cidr: CidrText.optional().describe(
    "The other side: this network, or else the members of `group`.",
  ),
  group: NameOrId.optional(),
});
export type NewRule = z.output<typeof NewRule>;

const groupFails = { group_not_found: "not_found" } as const;

export const createGroup = changes("POST", {
  path: "/v1/projects/:project/security-groups",
  summary: "Make a security group. Whoever is in one may be reached only as its rules say.",
  needs: "project:operate",
  params: inProject,
  body: z.strictObject({
    name: Name,
    description: z.string().max(255).default(""),
    rules: z.array(NewRule).max(2_000).default([]),
  }),
  reply: [201, GroupView],
  fails: {
    quota_exceeded: "exhausted",
    ...groupFails,
    name_taken: "conflict",
    rule_unusable: "invalid",
    too_many_rules: "exhausted",
  },
});

export const listGroups = lists({
  path: "/v1/projects/:project/security-groups",
  summary: "The security groups of a project.",
  needs: "project:read",
  params: inProject,
  reply: z.object({ groups: z.array(GroupView), next: Next }),
});

export const getGroup = reads({
  path: "/v1/projects/:project/security-groups/:group",
  summary: "One security group with its rules.",
  needs: "project:read",
  params: ofGroup,
  reply: GroupView,
  fails: groupFails,
});

export const deleteGroup = removes({
  path: "/v1/projects/:project/security-groups/:group",
  summary: "Delete a security group that nobody is in and no rule names.",
  needs: "project:operate",
  params: ofGroup,
  reply: GroupView,
  fails: { ...groupFails, group_in_use: "conflict" },
});

export const addRules = changes("POST", {
  path: "/v1/projects/:project/security-groups/:group/rules",
  summary:
    "Add rules. They are in force at once, on every host, for connections that are open as well.",
  needs: "project:operate",
  params: ofGroup,
  body: z.strictObject({ rules: z.array(NewRule).max(2_000) }),
  reply: [200, GroupView],
  fails: { ...groupFails, rule_unusable: "invalid", too_many_rules: "exhausted" },
});

export const removeRules = changes("POST", {
  path: "/v1/projects/:project/security-groups/:group/rules/remove",
  summary: "Remove rules by their ids. What they let pass is cut, also where it is open.",
  needs: "project:operate",
  params: ofGroup,
  body: z.strictObject({ rules: z.array(z.uuid()).max(2_000) }),
  reply: [200, GroupView],
  fails: { ...groupFails, rule_not_found: "not_found" },
});

export const setInstanceGroups = changes("PUT", {
  path: "/v1/projects/:project/instances/:instance/security-groups",
  summary: "The security groups of an instance, on all its connections.",
  needs: "project:operate",
  params: inProject.extend({ instance: NameOrId }),
  body: z.strictObject({ groups: z.array(NameOrId).max(16) }),
  reply: [200, z.object({ groups: z.array(z.string()) })],
  fails: { ...groupFails, instance_not_found: "not_found", not_connected: "conflict" },
});
