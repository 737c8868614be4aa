/** Networks, the ports that they forward, and the ids that they have on the wire. */
import { Name } from "@holdfast/cloud/instances/api";
import { changes, lists, none, reads, removes } from "@holdfast/kernel/declare";
import { inProject, NameOrId, Next } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { CidrText, PortNumber } from "./words.ts";

const ofNetwork = inProject.extend({ network: NameOrId });

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
