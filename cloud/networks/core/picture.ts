/**
 * The whole picture of what one host's networks should be, and how it follows from the database.
 *
 * Derived each time and never stored: there is no list of commands that could be half done, and a host
 * that lost everything is told the same as one that lost nothing. Hosts hear only of networks that they
 * have something to do with.
 */
import { grouped } from "@holdfast/kernel/grouped";
import type { HostId, NetworkId, NicId, SecurityGroupId } from "@holdfast/kernel/ids";
import { z } from "zod";
import { formatAddress, gatewayOf, macOf, parseCidr } from "./cidr.ts";
import { type Facts, type Network, type Nic, protocols, type SecurityRule } from "./model.ts";

const id = <Kind extends string>() => z.uuid().transform((text) => text as Kind); // Checked just before.

/** What may pass. Judged by the address of the other side and the port of whoever is asked. */
export const RulePicture = z.object({
  protocol: z.enum(protocols),
  ports: z.object({ from: z.number().int(), to: z.number().int() }).nullable(),
  /** The other side: a network, or whoever is in this group in this network. */
  peer: z.union([z.object({ cidr: z.string() }), z.object({ group: id<SecurityGroupId>() })]),
});
export type RulePicture = z.output<typeof RulePicture>;

/**
 * A group in one network. Said once for all ports that are in it: fifty copies of two thousand rules would be
 * more than a message holds.
 */
export const GroupPicture = z.object({
  id: id<SecurityGroupId>(),
  ingress: z.array(RulePicture),
  egress: z.array(RulePicture),
  /** Addresses of those in it, on whichever host. Only of a group that a rule names; empty for others. */
  members: z.array(z.string()),
});
export type GroupPicture = z.output<typeof GroupPicture>;

export const PortPicture = z.object({
  nic: id<NicId>(),
  mac: z.string(),
  address: z.string(),
  /** Its own, if it has one. */
  publicAddress: z.string().nullable(),
  /** How many hops answers of the metadata address reach; null: all. */
  metadataHops: z.number().int().min(1).max(64).nullable().default(null),
  /** Only what one of these groups says may come in. Null: everything may. */
  ingress: z.array(id<SecurityGroupId>()).nullable(),
  egress: z.array(id<SecurityGroupId>()).nullable(),
});
export type PortPicture = z.output<typeof PortPicture>;

const GuestPicture = z.object({ mac: z.string(), address: z.string(), name: z.string() });

export const RouterPicture = z.object({
  generation: z.number().int().positive(),
  mac: z.string(),
  /** Everybody who may ask for an address, and their names. */
  guests: z.array(GuestPicture),
  /** What guests come from outside as; null: as the host itself. */
  sourceAddress: z.string().nullable(),
  forwards: z.array(
    z.object({
      protocol: z.enum(["tcp", "udp"]),
      publicPort: z.number().int(),
      address: z.string(),
      port: z.number().int(),
    }),
  ),
  oneToOne: z.array(z.object({ publicAddress: z.string(), address: z.string() })),
});
export type RouterPicture = z.output<typeof RouterPicture>;

export const NetworkPicture = z.object({
  id: id<NetworkId>(),
  vni: z.number().int(),
  vlan: z.number().int().nullable(),
  cidr: z.string(),
  gateway: z.string(),
  domain: z.string(),
  mtu: z.number().int(),
  /**
   * Where the hosts of this network are reached, each of them, also whoever is told: so it is one list for all, which
   * is made and written once and not for each of a hundred hosts.
   */
  underlays: z.array(z.string()),
  ports: z.array(PortPicture),
  /** Those that ports here are in, and those that the rules of these name. */
  groups: z.array(GroupPicture),
  router: RouterPicture.nullable(),
});
export type NetworkPicture = z.output<typeof NetworkPicture>;

/** Of a network of which a host was told before, and all but its hosts is as it was. */
export type NetworkHosts = Pick<NetworkPicture, "id" | "underlays">;

/** What is different about the `underlays` of a network that was told before. */
export const NetworkPeers = z.object({
  network: id<NetworkId>(),
  joined: z.array(z.string()),
  left: z.array(z.string()),
});
export type NetworkPeers = z.output<typeof NetworkPeers>;

/** What is different about the ports of a network that was told before, and about the guests of its router if that is here. */
export const NetworkParts = z.object({
  network: id<NetworkId>(),
  /** New ones, and those that are others now. */
  ports: z.array(PortPicture),
  unplugged: z.array(id<NicId>()),
  guests: z.array(GuestPicture),
  /** Addresses of those that are no more. */
  departed: z.array(z.string()),
});
export type NetworkParts = z.output<typeof NetworkParts>;

/** VXLAN takes 50 of the 1500 bytes of the network below: outer Ethernet, IP, UDP and its own header. */
export const mtuOf = (vlan: number | null) => (vlan === null ? 1_450 : 1_500);

/** Whether a host knows all of a network but perhaps its hosts. `here`: connections that it has. */
export type IsKnown = (host: HostId, network: NetworkId, here: readonly Nic[]) => boolean;

/** `only`: nobody else's are of interest. */
export function picturesOf(
  facts: Facts,
  only?: ReadonlySet<HostId>,
): ReadonlyMap<HostId, readonly NetworkPicture[]>;
/** Without what hosts know: where a rack dies that is most of it, and to draw it anew would be most of the work. */
export function picturesOf(
  facts: Facts,
  only: ReadonlySet<HostId>,
  isKnown: IsKnown,
): ReadonlyMap<HostId, readonly (NetworkPicture | NetworkHosts)[]>;
export function picturesOf(
  facts: Facts,
  only?: ReadonlySet<HostId>,
  isKnown?: IsKnown,
): ReadonlyMap<HostId, readonly (NetworkPicture | NetworkHosts)[]> {
  const pictures = new Map<HostId, (NetworkPicture | NetworkHosts)[]>();
  const nicsOf = grouped(facts.nics, ({ network }) => network);
  const rulesOf = grouped(facts.rules, ({ group }) => group);
  const routers = new Map(facts.routers.map((router) => [router.network, router]));
  const publics = new Map(
    facts.oneToOne.map(({ network, address, publicAddress }) => [
      `${network} ${address}`,
      publicAddress,
    ]),
  );
  for (const network of facts.networks) {
    const nics = nicsOf.get(network.id) ?? [];
    const members = membersOf(nics);
    const router = routers.get(network.id);
    const nicsAt = byHost(nics);
    if (router && !nicsAt.has(router.host)) nicsAt.set(router.host, []);
    const common = {
      ...{ id: network.id, vni: network.vni, vlan: network.vlan, cidr: network.cidr },
      gateway: gatewayAddress(network),
      domain: network.domain,
      mtu: mtuOf(network.vlan),
      underlays: [...nicsAt.keys()].flatMap((host) => facts.underlays.get(host) ?? []).sort(),
    };
    const hosts: NetworkHosts = { id: network.id, underlays: common.underlays };
    for (const [host, here] of nicsAt) {
      if (only && !only.has(host)) continue;
      const own = pictures.get(host) ?? [];
      pictures.set(host, own);
      // The picture of whoever has the router names all of its guests.
      if (isKnown?.(host, network.id, here) && router?.host !== host) {
        own.push(hosts);
        continue;
      }
      own.push({
        ...common,
        ports: here
          .map((nic) => portOf(nic, publics, rulesOf))
          .sort((a, b) => (a.nic < b.nic ? -1 : 1)),
        groups: groupsOf(here, rulesOf, members),
        router: router?.host === host ? routerOf(network, router, nics, facts) : null,
      });
    }
  }
  return pictures;
}

/** Where each is home, and where it is on its way to. */
function byHost(nics: readonly Nic[]): Map<HostId, Nic[]> {
  const found = new Map<HostId, Nic[]>();
  const add = (host: HostId, nic: Nic) => {
    const own = found.get(host);
    if (own) own.push(nic);
    else found.set(host, [nic]);
  };
  for (const nic of nics) {
    if (nic.host) add(nic.host, nic);
    if (nic.arrivesAt && nic.arrivesAt !== nic.host) add(nic.arrivesAt, nic);
  }
  return found;
}

type RulesOf = ReadonlyMap<SecurityGroupId, readonly SecurityRule[]>;

function portOf(nic: Nic, publics: ReadonlyMap<string, string>, rulesOf: RulesOf): PortPicture {
  const saysWhatLeaves = nic.groups.some((group) =>
    rulesOf.get(group)?.some(({ direction }) => direction === "egress"),
  );
  return {
    nic: nic.id,
    mac: nic.mac,
    address: nic.address,
    publicAddress: publics.get(`${nic.network} ${nic.address}`) ?? null,
    metadataHops: nic.metadataHops ?? null,
    ingress: nic.groups.length > 0 ? [...nic.groups] : null,
    // As EC2 has it: a group says what may leave only if it says anything of it.
    egress: saysWhatLeaves ? [...nic.groups] : null,
  };
}

function groupsOf(
  nics: readonly Nic[],
  rulesOf: RulesOf,
  members: ReadonlyMap<SecurityGroupId, readonly string[]>,
): GroupPicture[] {
  const own = new Set(nics.flatMap(({ groups }) => groups));
  const rules = (group: SecurityGroupId) => (own.has(group) ? (rulesOf.get(group) ?? []) : []);
  const named = new Set(
    [...own].flatMap(rules).flatMap(({ peer }) => ("group" in peer ? [peer.group] : [])),
  );
  return [...new Set([...own, ...named])].sort().map((group) => {
    const of = (way: SecurityRule["direction"]) =>
      rules(group)
        .filter(({ direction }) => direction === way)
        .map(({ protocol, ports, peer }) => ({ protocol, ports: ports ?? null, peer }));
    return {
      id: group,
      ingress: of("ingress"),
      egress: of("egress"),
      members: named.has(group) ? [...(members.get(group) ?? [])] : [],
    };
  });
}

/** Members of a group that can be told apart by their address: those in the same network. */
function membersOf(nics: readonly Nic[]): ReadonlyMap<SecurityGroupId, readonly string[]> {
  const members = new Map<SecurityGroupId, string[]>();
  for (const { groups, address } of nics)
    for (const group of groups) {
      const own = members.get(group);
      if (own) own.push(address);
      else members.set(group, [address]);
    }
  return members;
}

function routerOf(
  network: Network,
  { generation, address }: Facts["routers"][number],
  nics: readonly Nic[],
  { forwards, oneToOne }: Facts,
): RouterPicture {
  const inHere = (each: { readonly network: NetworkId }) => each.network === network.id;
  return {
    generation,
    mac: macOf(gatewayNumber(network)),
    guests: nics.map(({ mac, address: guest, name }) => ({ mac, address: guest, name })),
    sourceAddress: address ?? null,
    forwards: forwards.filter(inHere).map(({ network: _, ...forward }) => forward),
    oneToOne: oneToOne.filter(inHere).map(({ network: _, ...pair }) => pair),
  };
}

function gatewayNumber({ cidr }: Network): number {
  const parsed = parseCidr(cidr);
  if (!parsed) throw new Error(`a network has ${cidr}, which is no network`);
  return gatewayOf(parsed);
}
const gatewayAddress = (network: Network) => formatAddress(gatewayNumber(network));
