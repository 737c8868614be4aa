/**
 * From a router to what makes one: the wiring of its namespace, its nft text and dnsmasq's files.
 *
 * Which address became which is also written into the connection's mark, as a digest of the mapping. A
 * connection whose mapping is gone from the picture is dropped: without that, the connections of an
 * address that was taken away would go on for as long as they like.
 */
import { createHash } from "node:crypto";
import { addressText, rangeOf, uplinkAddresses } from "./addresses.ts";
import { metadataAddress, type Network, type Router } from "./driver.ts";
import { inside, table } from "./names.ts";
import { chain, linesOf, markOf, type Piece, set, tableText } from "./nft.ts";

const { lan, uplink } = inside;

/** Public addresses that lead here: each once, in order. */
export const publicAddressesOf = ({ hasUplink, sourceNat, forwards, statics }: Router) =>
  hasUplink
    ? [
        ...new Set([
          ...(sourceNat ? [sourceNat] : []),
          ...forwards.map(({ publicAddress }) => publicAddress),
          ...statics.map(({ publicAddress }) => publicAddress),
        ]),
      ].sort()
    : [];

/** Lines for `ip -batch` inside the namespace, whose devices are there and bare. */
export function routerWiring(network: Network, router: Router, zone: number): readonly string[] {
  const ends = uplinkAddresses(zone);
  return [
    "link set lo up",
    `link set ${lan} address ${router.mac} mtu ${network.mtu}`,
    `addr add ${network.gateway}/${rangeOf(network.cidr).prefix} dev ${lan}`,
    `link set ${lan} up`,
    ...(router.hasUplink
      ? [
          `addr add ${ends.router}/31 dev ${uplink}`,
          `link set ${uplink} up`,
          `route add default via ${ends.host} dev ${uplink}`,
        ]
      : []),
  ];
}

/** Everything that only a new namespace can change, beginning with the generation. */
export function routerMark(network: Network, zone: number): string {
  const { router } = network;
  if (!router) return "";
  const wiring = routerWiring(network, router, zone).join("\n");
  return `g${router.generation}.${createHash("sha256").update(wiring).digest("hex").slice(0, 16)}`;
}
export const generationOf = (mark: string | undefined): number | undefined => {
  const found = /^g(\d+)\./.exec(mark ?? "")?.[1];
  return found === undefined ? undefined : Number(found);
};

/** The whole text with its mark, which is the name of a chain in it. */
export function routerFilter(network: Network, router: Router): { mark: string; text: string } {
  const lines = router.hasUplink ? translation(network, router) : [];
  const all = [...lines, ...closed(router.hasUplink)];
  const mark = markOf(linesOf(all).join("\n"));
  const whole = tableText({ family: "ip", name: table, pieces: [...chain(mark, []), ...all] });
  return { mark, text: `table ip ${table}\ndelete table ip ${table}\n${whole}` };
}

function translation(network: Network, router: Router): readonly Piece[] {
  const { forwards, statics, sourceNat } = router;
  const key = (it: Router["forwards"][number]) =>
    `${it.publicAddress} . ${it.protocol} . ${it.publicPort}`;
  const ins = forwards.map((it) => ({ key: key(it), to: `${it.address} . ${it.port}` }));
  const own = sourceNat ? `snat to ${sourceNat}` : "masquerade";
  const ownMark = digest(`source ${sourceNat ?? "host"}`);
  const pairs = statics.map((it) => ({
    ...it,
    mark: digest(`static ${it.publicAddress} ${it.address}`),
  }));
  const marks = [
    ...ins.map(({ key, to }) => digest(`forward ${key} ${to}`)),
    ...pairs.map(({ mark }) => mark),
    ownMark,
  ];
  const answers = publicAddressesOf(router).filter(
    (address) => !statics.some(({ publicAddress }) => publicAddress === address),
  );
  return [
    ...set(
      "map",
      "forwards",
      "type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service",
      ins.map(({ key, to }) => `${key} : ${to}`),
    ),
    ...set(
      "map",
      "forward_marks",
      "type ipv4_addr . inet_proto . inet_service : mark",
      ins.map(({ key, to }) => `${key} : ${digest(`forward ${key} ${to}`)}`),
    ),
    ...set(
      "map",
      "statics_in",
      "type ipv4_addr : ipv4_addr",
      pairs.map((it) => `${it.publicAddress} : ${it.address}`),
    ),
    ...set(
      "map",
      "statics_in_marks",
      "type ipv4_addr : mark",
      pairs.map((it) => `${it.publicAddress} : ${it.mark}`),
    ),
    ...set(
      "map",
      "statics_out",
      "type ipv4_addr : ipv4_addr",
      pairs.map((it) => `${it.address} : ${it.publicAddress}`),
    ),
    ...set(
      "map",
      "statics_out_marks",
      "type ipv4_addr : mark",
      pairs.map((it) => `${it.address} : ${it.mark}`),
    ),
    ...set("set", "marks", "type mark", [...new Set(marks)].sort()),
    ...chain("inwards", [
      "type nat hook prerouting priority dstnat; policy accept;",
      "ct mark set ip daddr . meta l4proto . th dport map @forward_marks",
      "dnat to ip daddr . meta l4proto . th dport map @forwards",
      "ct mark set ip daddr map @statics_in_marks",
      "dnat to ip daddr map @statics_in",
      // The router answers for its own addresses when they are pinged.
      ...(answers.length > 0
        ? [`iifname "${uplink}" icmp type echo-request ip daddr { ${answers.join(", ")} } redirect`]
        : []),
    ]),
    ...chain("outwards", [
      "type nat hook postrouting priority srcnat; policy accept;",
      // A guest that calls a public address of its own network: the answer must come back this way.
      `iifname "${lan}" oifname "${lan}" ct status dnat masquerade`,
      `oifname "${uplink}" ct status dnat accept`,
      `oifname "${uplink}" ct mark set ip saddr map @statics_out_marks`,
      `oifname "${uplink}" snat to ip saddr map @statics_out`,
      `oifname "${uplink}" ip saddr ${network.cidr} ct mark set ${ownMark}`,
      `oifname "${uplink}" ip saddr ${network.cidr} ${own}`,
    ]),
  ];
}

function closed(hasUplink: boolean): readonly Piece[] {
  return [
    ...chain("through", [
      "type filter hook forward priority filter; policy drop;",
      ...(hasUplink
        ? [
            "tcp flags syn tcp option maxseg size set rt mtu",
            "ct state invalid drop",
            "ct status dnat ct mark @marks accept",
            "ct status dnat drop",
            "ct status snat ct mark != @marks drop",
            `iifname "${lan}" oifname "${uplink}" accept`,
            `iifname "${uplink}" ct state established,related accept`,
          ]
        : []),
    ]),
    ...chain("to_router", [
      "type filter hook input priority filter; policy drop;",
      "ct state established,related accept",
      "icmp type echo-request accept",
      `iifname "${lan}" meta l4proto { tcp, udp } th dport 53 accept`,
      `iifname "${lan}" udp dport 67 accept`,
    ]),
  ];
}

const digest = (text: string) => `0x${createHash("sha256").update(text).digest("hex").slice(0, 8)}`;

export interface DnsFiles {
  /** A change needs a new process. */
  readonly config: string;
  /** These are read again at SIGHUP. */
  readonly leases: string;
  readonly names: string;
}

/** `directory` is where the files will be. Leases are not kept: everybody's address is written here. */
export function dnsFiles(network: Network, router: Router, directory: string): DnsFiles {
  const { cidr, gateway, domain, mtu } = network;
  const { from, to } = rangeOf(cidr);
  const mask = addressText(2 ** 32 - (to - from + 1));
  const config = [
    `interface=${lan}`,
    ...["bind-interfaces", "except-interface=lo", "no-resolv", "no-hosts", "no-poll", "no-ping"],
    ...["dhcp-authoritative", "leasefile-ro", "quiet-dhcp", "dhcp-rapid-commit"],
    // With bogus-priv an address that nobody has is said to have no name, and nobody outside is asked.
    ...["user=nobody", "group=nogroup", "cache-size=1000", "bogus-priv"],
    `log-facility=${directory}/log`,
    `domain=${domain}`,
    `local=/${domain}/`,
    ...router.forwarders.map((address) => `server=${address}`),
    `dhcp-range=${addressText(from)},static,${mask},1h`,
    `dhcp-option=option:router,${gateway}`,
    `dhcp-option=option:dns-server,${gateway}`,
    `dhcp-option=option:mtu,${mtu}`,
    // On the link itself, so that a guest whose router is dead can still read what happens to it.
    `dhcp-option=option:classless-static-route,${metadataAddress}/32,0.0.0.0,0.0.0.0/0,${gateway}`,
    `dhcp-hostsfile=${directory}/leases`,
    `addn-hosts=${directory}/names`,
  ];
  const hosts = [...router.hosts].sort((a, b) => (a.address < b.address ? -1 : 1));
  return {
    config: lines(config),
    leases: lines(hosts.map(({ mac, address, name }) => `${mac},${address},${name}`)),
    names: lines(hosts.map(({ address, name }) => `${address} ${name}.${domain} ${name}`)),
  };
}

const lines = (all: readonly string[]) => all.map((line) => `${line}\n`).join("");
