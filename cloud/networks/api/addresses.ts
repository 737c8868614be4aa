/** Public addresses: who has them, and the ranges that they are taken from. */
import { Name } from "@holdfast/cloud/instances/api";
import { TagsShown } from "@holdfast/cloud/tags";
import { changes, lists, none, reads, removes } from "@holdfast/kernel/declare";
import { inProject, NameOrId, Next } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { CidrText } from "./words.ts";

const ofAddress = inProject.extend({
  address: z
    .string()
    .regex(/^[0-9a-z][0-9a-z.-]{0,62}$/, "must be an address or its name")
    .describe("It, or its name."),
});

export const AddressView = z.object({
  address: z.string(),
  name: z.string().nullable(),
  kind: z
    .enum(["static", "automatic", "router"])
    .describe(
      "`static`: kept until it is released. `automatic`: while its instance is meant to run.",
    ),
  instance: z.string().nullable().describe("The name of the instance that has it."),
  network: z.string().nullable().describe("The network whose guests come from outside as it."),
  allocatedAt: z.number(),
  tags: TagsShown,
});
export type AddressView = z.output<typeof AddressView>;

export const allocateAddress = changes("POST", {
  path: "/v1/projects/:project/addresses",
  summary: "Take a public address to keep.",
  needs: "project:operate",
  params: inProject,
  body: z.strictObject({ name: Name.optional() }),
  reply: [201, AddressView],
  fails: {
    quota_exceeded: "exhausted",
    public_addresses_exhausted: "exhausted",
    name_taken: "conflict",
  },
});

export const listAddresses = lists({
  path: "/v1/projects/:project/addresses",
  summary: "The public addresses of a project, and who has them.",
  needs: "project:read",
  params: inProject,
  reply: z.object({ addresses: z.array(AddressView), next: Next }),
});

const addressFails = { address_not_found: "not_found" } as const;

export const attachAddress = changes("POST", {
  path: "/v1/projects/:project/addresses/:address/attach",
  summary:
    "Give a static address to an instance. An automatic one that it has is given back; whoever had this one loses it.",
  needs: "project:operate",
  params: ofAddress,
  body: z.strictObject({
    instance: NameOrId,
    network: NameOrId.optional().describe("On its connection to this one; its first if absent."),
  }),
  reply: [200, AddressView],
  fails: {
    ...addressFails,
    instance_not_found: "not_found",
    network_not_found: "not_found",
    not_connected: "conflict",
    address_not_static: "conflict",
  },
});

export const detachAddress = changes("POST", {
  path: "/v1/projects/:project/addresses/:address/detach",
  summary: "Take a static address away from whoever has it. It stays the project's.",
  needs: "project:operate",
  params: ofAddress,
  body: none,
  reply: [200, AddressView],
  fails: { ...addressFails, address_not_static: "conflict" },
});

export const releaseAddress = removes({
  path: "/v1/projects/:project/addresses/:address",
  summary: "Give a static address back.",
  needs: "project:operate",
  params: ofAddress,
  reply: AddressView,
  fails: { ...addressFails, address_not_static: "conflict", address_in_use: "conflict" },
});

export const RangeView = z.object({
  cidr: z.string(),
  size: z.number().int(),
  taken: z.number().int(),
  createdAt: z.number(),
});

export const addRange = changes("POST", {
  path: "/v1/public-ranges",
  summary:
    "Give the platform public addresses to hand out. The network must lead them to the hosts.",
  needs: "platform:operate",
  params: none,
  body: z.strictObject({ cidr: CidrText }),
  reply: [201, RangeView],
  fails: { range_overlaps: "conflict", range_unusable: "invalid" },
});

export const listRanges = reads({
  path: "/v1/public-ranges",
  summary: "Where public addresses are taken from.",
  needs: "platform:read",
  params: none,
  reply: z.object({ ranges: z.array(RangeView) }),
});

export const removeRange = changes("POST", {
  path: "/v1/public-ranges/remove",
  summary: "Hand out no more addresses of a range that nobody has one of.",
  needs: "platform:operate",
  params: none,
  body: z.strictObject({ cidr: CidrText }),
  reply: [200, RangeView],
  fails: { range_not_found: "not_found", range_in_use: "conflict" },
});
