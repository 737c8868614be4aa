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
  /** Networks and addresses of the other side. */
  peers: z.array(z.string()),
});
export type RulePicture = z.output<typeof RulePicture>;

export const PortPicture = z.object({
  nic: id<NicId>(),
  mac: z.string(),
  address: z.string(),
  /** Its own, if it has one. */
  publicAddress: z.string().nullable(),
  /** Only what one of these says may come in. Null: everything may. */
  ingress: z.array(RulePicture).nullable(),
  egress: z.array(RulePicture).nullable(),
});
export type PortPicture = z.output<typeof PortPicture>;

export const RouterPicture = z.object({
  generation: z.number().int().positive(),
  mac: z.string(),
  /** Everybody who may ask for an address, and their names. */
  guests: z.array(z.object({ mac: z.string(), address: z.string(), name: z.string() })),
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
  /** Where the other hosts of this network are reached. */
  peers: z.array(z.string()),
  ports: z.array(PortPicture),
  router: RouterPicture.nullable(),
});
export type NetworkPicture = z.output<typeof NetworkPicture>;

/** VXLAN takes 50 of the 1500 bytes of the network below: outer Ethernet, IP, UDP and its own header. */
export const mtuOf = (vlan: number | null) => (vlan === null ? 1_450 : 1_500);

export function picturesOf(facts: Facts): ReadonlyMap<HostId, readonly NetworkPicture[]> {
  const pictures = new Map<HostId, NetworkPicture[]>();
  const nicsOf = grouped(facts.nics, ({ network }) => network);
  const rulesOf = grouped(facts.rules, ({ group }) => group);
  for (const network of facts.networks) {
    const nics = nicsOf.get(network.id) ?? [];
    const members = membersOf(nics);
    const router = facts.routers.find((each) => each.network === network.id);
    const hosts = new Set(
      nics.flatMap(({ host, arrivesAt }) => [host ?? [], arrivesAt ?? []].flat()),
    );
    if (router) hosts.add(router.host);
    for (const host of hosts) {
      const picture: NetworkPicture = {
        ...{ id: network.id, vni: network.vni, vlan: network.vlan, cidr: network.cidr },
        gateway: gatewayAddress(network),
        domain: network.domain,
        mtu: mtuOf(network.vlan),
        peers: [...hosts]
          .filter((other) => other !== host)
          .flatMap((other) => facts.underlays.get(other) ?? [])
          .sort(),
        ports: nics
          .filter((nic) => nic.host === host || nic.arrivesAt === host)
          .map((nic) => portOf(nic, facts.oneToOne, rulesOf, members))
          .sort((a, b) => (a.nic < b.nic ? -1 : 1)),
        router: router?.host === host ? routerOf(network, router, nics, facts) : null,
      };
      pictures.set(host, [...(pictures.get(host) ?? []), picture]);
    }
  }
  return pictures;
}

function portOf(
  nic: Nic,
  oneToOne: Facts["oneToOne"],
  rulesOf: ReadonlyMap<SecurityGroupId, readonly SecurityRule[]>,
  members: ReadonlyMap<SecurityGroupId, readonly string[]>,
): PortPicture {
  const rules = nic.groups.flatMap((group) => rulesOf.get(group) ?? []);
  const of = (direction: SecurityRule["direction"]) =>
    rules.filter((rule) => rule.direction === direction).map((rule) => ruleOf(rule, members));
  const egress = of("egress");
  return {
    nic: nic.id,
    mac: nic.mac,
    address: nic.address,
    publicAddress: publicOf(nic, oneToOne),
    ingress: nic.groups.length > 0 ? of("ingress") : null,
    // As EC2 has it: a group says what may leave only if it says anything of it.
    egress: egress.length > 0 ? egress : null,
  };
}

const publicOf = ({ network, address }: Nic, oneToOne: Facts["oneToOne"]) =>
  oneToOne.find((pair) => pair.network === network && pair.address === address)?.publicAddress ??
  null;

const ruleOf = (
  { protocol, ports, peer }: SecurityRule,
  members: ReadonlyMap<SecurityGroupId, readonly string[]>,
): RulePicture => ({
  protocol,
  ports: ports ?? null,
  peers: "cidr" in peer ? [peer.cidr] : [...(members.get(peer.group) ?? [])],
});

/** Members of a group that can be told apart by their address: those in the same network. */
function membersOf(nics: readonly Nic[]): ReadonlyMap<SecurityGroupId, readonly string[]> {
  const members = new Map<SecurityGroupId, string[]>();
  for (const { groups, address } of nics)
    for (const group of groups) members.set(group, [...(members.get(group) ?? []), address]);
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
