/**
 * From the managers' picture of a network to the driver's: groups become rules, and the router learns who knows the world.
 *
 * What is as it was in the picture before is the very same object again, ports and lists of rules: whoever looks for what is
 * different need not look into them, and what was compiled of a list of thousands is known by it.
 */
import type {
  GroupPicture,
  NetworkPicture,
  PortPicture,
  RouterPicture,
} from "@holdfast/cloud/networks";
import type { Network, Port, Router, Rule } from "@holdfast/drivers/network";
import type { SecurityGroupId } from "@holdfast/kernel/ids";

/** What no picture says. */
export interface Surroundings {
  /** Where this host is reached by others, if it is. */
  readonly underlay: string | null;
  /** Name servers that know the rest of the world. */
  readonly forwarders: readonly string[];
}

/** What the kernel should be told of a network that its managers have drawn. */
export function networkOf(
  picture: NetworkPicture,
  { forwarders, underlay }: Surroundings,
): Network {
  const { id, vni, vlan, mtu, cidr, gateway, domain, underlays, ports, router } = picture;
  const peers = underlays.filter((other) => other !== underlay);
  const rules = rulesIn(picture.groups);
  return {
    ...{ id, vni, mtu, cidr, gateway, domain, peers },
    ...(vlan === null ? { kind: "vxlan" } : { kind: "vlan", vlan }),
    ports: ports.map((port) => portOf(port, rules)),
    ...(router ? { router: routerOf(router, forwarders) } : {}),
  };
}

const portsKnown = new WeakMap<PortPicture, { readonly port: Port; readonly rules: Sides }>();

/** The same as before where picture and rules are: so whoever looks for what is different need not look into it. */
function portOf(picture: PortPicture, rules: Sides): Port {
  const known = portsKnown.get(picture);
  if (known?.rules === rules) return known.port;
  const { nic, mac, address, metadataHops, ingress, egress } = picture;
  const port: Port = {
    ...{ nic, mac, address, isUp: true },
    ...(metadataHops === null ? {} : { metadataHops }),
    ingress: rules.ingressOf(ingress),
    egress: rules.egressOf(egress),
  };
  portsKnown.set(picture, { port, rules });
  return port;
}

const everything: readonly Rule[] = [{ protocol: "any", peers: ["0.0.0.0/0"] }];

type Sides = ReturnType<typeof sidesOf>;

const rulesKnown = new WeakMap<readonly GroupPicture[], Sides>();

function rulesIn(groups: readonly GroupPicture[]): Sides {
  const known = rulesKnown.get(groups) ?? sidesOf(groups);
  rulesKnown.set(groups, known);
  return known;
}

const sidesOf = (groups: readonly GroupPicture[]) => ({
  ingressOf: rulesOf(groups, "ingress"),
  egressOf: rulesOf(groups, "egress"),
});

/** What all of these groups say together. Ports of the same groups have one and the same list. */
function rulesOf(groups: readonly GroupPicture[], side: "ingress" | "egress") {
  const byId = new Map(groups.map((group) => [group.id, group]));
  const known = new Map<string, readonly Rule[]>();
  const joined = (ids: readonly SecurityGroupId[]) =>
    ids
      .flatMap((id) => byId.get(id)?.[side] ?? [])
      .map(({ protocol, ports, peer }) => ({
        protocol,
        peers: "cidr" in peer ? [peer.cidr] : (byId.get(peer.group)?.members ?? []),
        ...(ports ? { ports } : {}),
      }));
  return (ids: readonly SecurityGroupId[] | null): readonly Rule[] => {
    if (ids === null) return everything;
    const key = ids.join(" ");
    const rules = known.get(key) ?? joined(ids);
    known.set(key, rules);
    return rules;
  };
}

function routerOf(picture: RouterPicture, forwarders: readonly string[]): Router {
  const { generation, mac, guests, sourceAddress, forwards, oneToOne } = picture;
  return {
    ...{ generation, mac, hosts: guests, forwarders, hasUplink: true, statics: oneToOne },
    ...(sourceAddress === null ? {} : { sourceNat: sourceAddress }),
    forwards:
      sourceAddress === null
        ? [] // There is no address to forward from.
        : forwards.map((forward) => ({ ...forward, publicAddress: sourceAddress })),
  };
}
