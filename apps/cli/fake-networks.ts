/**
 * The routes of networks for the tests of the command line: one network with a router, and what belongs to it.
 *
 * A fake of the answers and not of the rules; those are tested where they are.
 */
import * as networks from "@holdfast/cloud/networks/api";
import { problem } from "@holdfast/kernel/problem";
import { type Handler, handle } from "@holdfast/kernel/route";

export const aNetwork = (
  moment: number,
  change: Partial<networks.NetworkView> = {},
): networks.NetworkView => ({
  id: "0197a000-0000-7000-8000-000000000101",
  name: "blue",
  project: "default",
  cidr: "10.16.0.0/24",
  gateway: "10.16.0.1",
  vni: 4_096,
  vlan: null,
  domain: "blue.holdfast.internal",
  mtu: 1_450,
  guests: 3,
  capacity: 253,
  router: {
    host: "h1",
    generation: 2,
    isUp: true,
    since: moment - 60_000,
    says: null,
    publicAddress: "203.0.113.9",
  },
  createdAt: moment - 7_200_000,
  ...change,
});

export const aForward = (
  moment: number,
  change: Partial<networks.ForwardView> = {},
): networks.ForwardView => ({
  id: "0197a000-0000-7000-8000-000000000102",
  network: "blue",
  protocol: "tcp",
  publicAddress: "203.0.113.9",
  publicPort: 8080,
  instance: "web",
  address: "10.16.0.2",
  port: 80,
  createdAt: moment - 300_000,
  ...change,
});

export const anAddress = (
  moment: number,
  change: Partial<networks.AddressView> = {},
): networks.AddressView => ({
  address: "203.0.113.4",
  name: "front",
  kind: "static",
  instance: null,
  network: null,
  allocatedAt: moment - 86_400_000,
  tags: {},
  ...change,
});

export const aRule = (
  change: Partial<networks.GroupView["rules"][number]> = {},
): networks.GroupView["rules"][number] => ({
  id: "0197a000-0000-7000-8000-000000000103",
  direction: "ingress",
  protocol: "tcp",
  fromPort: 22,
  toPort: 22,
  cidr: "10.0.0.0/8",
  group: null,
  ...change,
});

export const aGroup = (
  moment: number,
  change: Partial<networks.GroupView> = {},
): networks.GroupView => ({
  id: "0197a000-0000-7000-8000-000000000104",
  name: "front",
  description: "what the world may see",
  rules: [aRule()],
  instances: ["web"],
  tags: {},
  createdAt: moment,
  ...change,
});

export function networkHandlers(moment: number): readonly Handler[] {
  const known = (name: string) => {
    if (name === "blue") return aNetwork(moment);
    throw problem("not_found", "network_not_found", `There is no network ${name}.`);
  };
  const address = (name: string) => {
    if (["front", "203.0.113.4"].includes(name)) return anAddress(moment);
    throw problem("not_found", "address_not_found", `This project has no ${name}.`);
  };
  let group = aGroup(moment);
  const named = (name: string) => {
    if (name === group.name) return group;
    throw problem("not_found", "group_not_found", `There is no security group ${name}.`);
  };
  const isEmpty = (project: string) => project === "blue";
  const range = { cidr: "203.0.113.0/24", size: 256, taken: 2, createdAt: moment - 5_000 };
  return [
    handle(networks.listNetworks, async ({ params }) => ({
      networks: isEmpty(params.project) ? [] : [aNetwork(moment)],
      next: null,
    })),
    handle(networks.getNetwork, async ({ params }) => known(params.network)),
    handle(networks.createNetwork, async ({ body }) =>
      aNetwork(moment, {
        ...{ name: body.name, domain: `${body.name}.holdfast.internal`, router: null, guests: 0 },
        ...(body.cidr === undefined ? {} : { cidr: body.cidr }),
        vlan: body.vlan ?? null,
      }),
    ),
    handle(networks.deleteNetwork, async ({ params }) => known(params.network)),
    handle(networks.listNetworkIds, async () => ({
      ...{ first: 4_096, last: 16_777_215, free: 16_773_119 },
      held: [{ vni: 4_096, network: "blue", project: "default", guests: 0, createdAt: moment }],
    })),
    handle(networks.listForwards, async ({ params }) => ({
      forwards: known(params.network) && [aForward(moment)],
      next: null,
    })),
    handle(networks.createForward, async ({ params, body }) => {
      if (body.instance === "wbe")
        throw problem("not_found", "instance_not_found", "There is no instance wbe.");
      return aForward(moment, { network: known(params.network).name, ...body });
    }),
    handle(networks.deleteForward, async () => aForward(moment)),
    handle(networks.listAddresses, async ({ params }) => ({
      addresses: isEmpty(params.project)
        ? []
        : [
            anAddress(moment),
            anAddress(moment, { ...{ address: "203.0.113.9", name: null }, kind: "router" }),
          ],
      next: null,
    })),
    handle(networks.allocateAddress, async ({ body }) =>
      anAddress(moment, { name: body.name ?? null }),
    ),
    handle(networks.attachAddress, async ({ params, body }) => ({
      ...address(params.address),
      instance: body.instance,
    })),
    handle(networks.detachAddress, async ({ params }) => address(params.address)),
    handle(networks.releaseAddress, async ({ params }) => address(params.address)),
    handle(networks.listGroups, async ({ params }) => ({
      groups: isEmpty(params.project) ? [] : [group],
      next: null,
    })),
    handle(networks.getGroup, async ({ params }) => named(params.group)),
    handle(networks.createGroup, async ({ body }) =>
      aGroup(moment, { ...body, rules: [], instances: [] }),
    ),
    handle(networks.deleteGroup, async ({ params }) => named(params.group)),
    handle(networks.addRules, async ({ params, body }) => {
      const rules = body.rules.map((rule, index) => ({
        ...{ id: `${index}`, direction: rule.direction, protocol: rule.protocol },
        ...{ fromPort: rule.fromPort ?? null, toPort: rule.toPort ?? null },
        ...{ cidr: rule.cidr ?? null, group: rule.group ?? null },
      }));
      group = { ...named(params.group), rules: [...group.rules, ...rules] };
      return group;
    }),
    handle(networks.removeRules, async ({ params, body }) => {
      const rules = named(params.group).rules.filter(({ id }) => !body.rules.includes(id));
      group = { ...group, rules };
      return group;
    }),
    handle(networks.setInstanceGroups, async ({ body }) => ({ groups: body.groups })),
    handle(networks.listRanges, async () => ({ ranges: [range] })),
    handle(networks.addRange, async ({ body }) => ({ ...range, cidr: body.cidr, taken: 0 })),
    handle(networks.removeRange, async ({ body }) => ({ ...range, cidr: body.cidr })),
  ];
}
