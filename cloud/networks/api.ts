/** What the world may ask about networks. Pure declarations; edge/routes.ts answers them. */
import { Name } from "@holdfast/cloud/instances/api";
import { TagsShown } from "@holdfast/cloud/tags";
import { changes, lists, none, reads, removes } from "@holdfast/kernel/declare";
import { Next, ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { canonical, cidrPattern } from "./core/cidr.ts";
import { protocols } from "./core/model.ts";

const NameOrId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be a name or an id");
const inProject = z.object({ project: ProjectParam });
const ofNetwork = inProject.extend({ network: NameOrId });
const ofGroup = inProject.extend({ group: NameOrId });
const ofAddress = inProject.extend({
  address: z
    .string()
    .regex(/^[0-9a-z][0-9a-z.-]{0,62}$/, "must be an address or its name")
    .describe("It, or its name."),
});

/** Bits of the host are ignored, as most programs do that take networks. */
export const CidrText = z
  .string()
  .regex(cidrPattern, "must be a network such as 10.1.0.0/24")
  .transform(canonical);
const PortNumber = z.number().int().min(1).max(65_535);

export const NetworkView = z.object({
  id: z.string(),
  name: z.string(),
  project: z.string(),
  cidr: z.string(),
  gateway: z.string(),
  vni: z.number().int().describe("Its network id, which VXLAN carries between hosts."),
  vlan: z
    .number()
    .int()
    .nullable()
    .describe("The VLAN of the hosts' uplinks that it is on, instead."),
  domain: z.string().describe("Guests find each other as NAME.domain."),
  mtu: z.number().int(),
  guests: z.number().int().describe("Addresses that are taken."),
  capacity: z.number().int().describe("Addresses that there are for guests."),
  router: z
    .object({
      host: z.string().describe("The name of the host that it is on."),
      generation: z.number().int().describe("How often one has been made, anywhere."),
      isUp: z.boolean().nullable().describe("Null: its host has not said so far."),
      since: z.number(),
      says: z.string().nullable(),
      publicAddress: z
        .string()
        .nullable()
        .describe("What guests come from outside as; null: as their router's host."),
    })
    .nullable()
    .describe("Null while no guest of the network runs."),
  createdAt: z.number(),
});
export type NetworkView = z.output<typeof NetworkView>;

export const createNetwork = changes("POST", {
  path: "/v1/projects/:project/networks",
  summary: "Make an isolated network. Its router appears when the first guest runs in it.",
  needs: "project:operate",
  params: inProject,
  body: z.strictObject({
    name: Name,
    cidr: CidrText.optional().describe(
      "From /16 to /29, of private addresses. The first free /24 of `networks.supply` if absent.",
    ),
    vlan: z
      .number()
      .int()
      .min(1)
      .max(4094)
      .optional()
      .describe("On this VLAN of the hosts' uplinks, instead of VXLAN. Operators only."),
  }),
  reply: [201, NetworkView],
  fails: {
    quota_exceeded: "exhausted",
    name_taken: "conflict",
    network_unusable: "invalid",
    network_overlaps: "conflict",
    network_ids_exhausted: "exhausted",
    vlan_forbidden: "forbidden",
    vlan_taken: "conflict",
    vlan_unsupported: "conflict",
    networks_exhausted: "exhausted",
  },
});

export const listNetworks = lists({
  path: "/v1/projects/:project/networks",
  summary: "The networks of a project, by name.",
  needs: "project:read",
  params: inProject,
  reply: z.object({ networks: z.array(NetworkView), next: Next }),
});

export const getNetwork = reads({
  path: "/v1/projects/:project/networks/:network",
  summary: "One network.",
  needs: "project:read",
  params: ofNetwork,
  reply: NetworkView,
  fails: { network_not_found: "not_found" },
});

export const deleteNetwork = removes({
  path: "/v1/projects/:project/networks/:network",
  summary: "Delete a network that nothing is connected to.",
  needs: "project:operate",
  params: ofNetwork,
  reply: NetworkView,
  fails: { network_not_found: "not_found", network_in_use: "conflict" },
});

export const ForwardView = z.object({
  id: z.string(),
  network: z.string(),
  protocol: z.enum(["tcp", "udp"]),
  publicAddress: z.string().nullable(),
  publicPort: z.number().int(),
  instance: z.string(),
  address: z.string(),
  port: z.number().int(),
  createdAt: z.number(),
});
export type ForwardView = z.output<typeof ForwardView>;

export const createForward = changes("POST", {
  path: "/v1/projects/:project/networks/:network/forwards",
  summary: "Forward a port of the network's public address to a guest.",
  needs: "project:operate",
  params: ofNetwork,
  body: z.strictObject({
    protocol: z.enum(["tcp", "udp"]).default("tcp"),
    publicPort: PortNumber,
    instance: NameOrId,
    port: PortNumber,
  }),
  reply: [201, ForwardView],
  fails: {
    network_not_found: "not_found",
    instance_not_found: "not_found",
    not_connected: "conflict",
    port_taken: "conflict",
  },
});

export const listForwards = lists({
  path: "/v1/projects/:project/networks/:network/forwards",
  summary: "The ports that a network forwards.",
  needs: "project:read",
  params: ofNetwork,
  reply: z.object({ forwards: z.array(ForwardView), next: Next }),
  fails: { network_not_found: "not_found" },
});

export const deleteForward = removes({
  path: "/v1/projects/:project/networks/:network/forwards/:forward",
  summary: "Forward this port no longer.",
  needs: "project:operate",
  params: ofNetwork.extend({ forward: z.uuid() }),
  reply: ForwardView,
  fails: { network_not_found: "not_found", forward_not_found: "not_found" },
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

export const listNetworkIds = reads({
  path: "/v1/network-ids",
  summary: "Who holds the network ids of the pool.",
  needs: "platform:read",
  params: none,
  reply: z.object({
    first: z.number().int(),
    last: z.number().int(),
    free: z.number().int(),
    held: z.array(
      z.object({
        vni: z.number().int(),
        network: z.string(),
        project: z.string(),
        guests: z.number().int(),
        createdAt: z.number(),
      }),
    ),
  }),
});
