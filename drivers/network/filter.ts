/**
 * From a picture to the filters of a host, as one text for `nft -f`: one transaction, so that there is
 * never a moment without rules.
 *
 * Who a frame is from is settled in the bridge, by device; what it may do is settled where connections
 * are tracked, by address, and may rely on the first. A newcomer will miss the usual "established is
 * accepted": here every packet is judged as part of its connection by the rules of this moment, answers
 * with the sides swapped, because a rule that is taken away must end what it allowed.
 */
import { uplinkNetwork } from "./addresses.ts";
import { metadataAddress, type Network, type Picture, type Port } from "./driver.ts";
import { judge, type TrackedIn } from "./filter-rules.ts";
import { metadataMac, table, tapOf } from "./names.ts";
import {
  type Counts,
  chain,
  counter,
  counterOf,
  hook,
  isMark,
  markOf,
  type Piece,
  set,
  type Table,
  tableText,
} from "./nft.ts";

export interface Filter {
  /** Names of chains without rules, one in each table: they say that this text is in force. See `isMark`. */
  readonly marks: readonly string[];
  /** None if there is nothing to filter. */
  readonly tables: readonly Table[];
  /** All of it, in the place of whatever is there. */
  readonly text: (counts: Counts) => string;
}

/** A guest that asks for an address more often is ill, and its neighbours should not have to wait. */
const dhcpPerSecond = 20;
const vxlanPort = 4789;
/** Where a DHCP message says whom it is from: 28 bytes into it, behind the 8 of UDP; six bytes long. */
const dhcpSender = "@th,288,48";

export function filterOf({ networks }: Picture, trackedIn: TrackedIn): Filter {
  if (networks.length === 0) return { marks: [], tables: [], text: () => clear(trackedIn) };
  const rules = judge(networks, trackedIn);
  const inBridge = trackedIn === "bridge";
  const tablesOf = ([guarded, routed, judged]: Marks): readonly Table[] => [
    { family: "bridge", name: table, pieces: guard(networks, guarded) },
    {
      family: "inet",
      name: table,
      pieces: host(networks, [...chain(routed, []), ...(inBridge ? [] : rules)]),
    },
    ...(inBridge
      ? [{ family: "bridge", name: `${table}_rules`, pieces: [...chain(judged, []), ...rules] }]
      : []),
  ];
  const text = (tables: readonly Table[], counts: Counts) =>
    [clear(trackedIn), ...tables.map((each) => tableText(each, counts))].join("\n");
  const marksOf = (mark: string): Marks => [mark, `${mark}_routed`, `${mark}_judged`];
  const marks = marksOf(markOf(text(tablesOf(marksOf("is")), new Map())));
  const tables = tablesOf(marks);
  return {
    marks: inBridge ? marks : marks.slice(0, 2),
    tables,
    text: (counts) => text(tables, counts),
  };
}

type Marks = readonly [guarded: string, routed: string, judged: string];

/** Somebody may remove one table and leave the others. And where there are marks of others as well, these are not alone. */
export const isInForce = ({ marks }: Filter, chains: ReadonlySet<string>): boolean =>
  marks.every((mark) => chains.has(mark)) &&
  [...chains].every((chain) => !isMark(chain) || marks.includes(chain));

/** A table must be there to be deleted; naming it makes it if need be. */
function clear(trackedIn: TrackedIn): string {
  const tables = [`bridge ${table}`, `inet ${table}`];
  if (trackedIn === "bridge") tables.push(`bridge ${table}_rules`);
  return tables.map((name) => `table ${name}\ndelete table ${name}\n`).join("");
}

/** Stateless: no false address comes out of a port, and nothing gets to one that is not for it. */
function guard(networks: readonly Network[], mark: string): readonly Piece[] {
  const ports = networks.flatMap((network) => network.ports).filter(({ isUp }) => isUp);
  const all = networks.flatMap((network) => network.ports);
  const each = (say: (port: Port, tap: string) => string) =>
    ports.map((port) => say(port, `"${tapOf(port.nic)}"`));
  return [
    ...chain(mark, []),
    ...set(
      "set",
      "macs",
      "type ifname . ether_addr",
      each(({ mac }, tap) => `${tap} . ${mac}`),
    ),
    ...set(
      "set",
      "sources",
      "type ifname . ether_addr . ipv4_addr",
      each(({ mac, address }, tap) => `${tap} . ${mac} . ${address}`),
    ),
    ...set(
      "set",
      "targets",
      "type ifname . ipv4_addr",
      each(({ address }, tap) => `${tap} . ${address}`),
    ),
    ...set(
      "set",
      "askers",
      `typeof iifname . ${dhcpSender}`,
      each(({ mac }, tap) => `${tap} . 0x${mac.replaceAll(":", "")}`),
    ),
    ...set("set", "dhcp_storm", "type ifname; flags dynamic; timeout 10s;", []),
    ...all.map((port) => counter(counterOf("spoofed", port))),
    ...set(
      "map",
      "spoofed",
      "type ifname : counter",
      all.map((port) => `"${tapOf(port.nic)}" : "${counterOf("spoofed", port)}"`),
    ),
    ...chain("spoof", ["counter name iifname map @spoofed", "drop"]),
    // A server believes the message and not the frame: in another's name its address could be refused or
    // given back. Says who may, because what is too short to be read matches nothing.
    ...chain("dhcp", [`iifname . ${dhcpSender} @askers return`, "goto spoof"]),
    ...chain("from_guest", [
      hook("prerouting", -300),
      `iifname "hfx*" ether saddr ${metadataMac} drop`,
      'iifname != "hft*" accept',
      "iifname . ether saddr != @macs goto spoof",
      "ether type arp iifname . arp saddr ether . arp saddr ip @sources accept",
      // Before it uses an address, a guest may ask whether somebody else does.
      "ether type arp arp saddr ip 0.0.0.0 iifname . arp saddr ether @macs accept",
      "ether type arp goto spoof",
      // Networks are IPv4 only, and the rules know nothing else; this also stops false IPv6 routers. It
      // does not count: every guest tries.
      "ether type != ip drop",
      "udp sport 67 goto spoof",
      "udp dport 67 jump dhcp",
      `udp dport 67 update @dhcp_storm { iifname limit rate over ${dhcpPerSecond}/second burst ${2 * dhcpPerSecond} packets } drop`,
      "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
      "iifname . ether saddr . ip saddr != @sources goto spoof",
      `ip daddr ${metadataAddress} ether daddr set ${metadataMac}`,
    ]),
    ...chain("to_port", [
      hook("forward", -200),
      // Every host has a metadata service of its own, under one address.
      `oifname "hfx*" ether daddr ${metadataMac} drop`,
      `oifname "hfx*" ether saddr ${metadataMac} drop`,
      `oifname "hfx*" arp daddr ip ${metadataAddress} drop`,
      'oifname != "hft*" accept',
      "ether type arp accept",
      // No broadcast and no multicast: nobody's rules could be asked about them.
      "ether type ip oifname . ip daddr @targets accept",
      "ether type ip udp sport 67 udp dport 68 accept",
      "drop",
    ]),
    // A frame with the bridge's own address would be the host's to route.
    ...chain("to_host", [
      hook("input", -200),
      'iifname "hft*" drop',
      'iifname "hfx*" drop',
      'iifname "hfr*" drop',
      'iifname "hfm*" drop',
    ]),
  ];
}

/** What the host itself lends to routers, and what it must not take from them. */
function host(networks: readonly Network[], rules: readonly Piece[]): readonly Piece[] {
  const vxlans = networks.filter(({ kind }) => kind === "vxlan");
  const peers = [...new Set(vxlans.flatMap((network) => network.peers))].sort();
  return [
    ...set("set", "peers", "type ipv4_addr", peers),
    ...chain("to_host", [
      hook("input", "filter"),
      // Frames of a network are taken from hosts of that network only.
      ...vxlans.map(({ vni, peers: from }) =>
        from.length === 0
          ? `udp dport ${vxlanPort} @th,96,24 ${vni} drop`
          : `udp dport ${vxlanPort} @th,96,24 ${vni} ip saddr != { ${[...from].sort().join(", ")} } drop`,
      ),
      'iifname != "hfu*" accept',
      "ct state established,related accept",
      "icmp type echo-request accept",
      "drop",
    ]),
    ...chain("from_router", [
      hook("forward", "filter - 1"),
      // A guest could wrap frames for other networks, and its host would be believed.
      `iifname "hfu*" udp dport ${vxlanPort} ip daddr @peers drop`,
    ]),
    ...chain("borrowed_address", [
      hook("postrouting", "srcnat", "nat"),
      `ip saddr ${uplinkNetwork} oifname != "hf*" masquerade`,
    ]),
    ...rules,
  ];
}
