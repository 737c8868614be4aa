/**
 * The rules of the ports, where connections are tracked.
 *
 * Every packet is judged as part of its connection: an answer by the same set as its question, with the
 * sides swapped. The sides are read from the packet and not from the connection's record, because nft
 * cannot look up a recorded port beside anything else; nothing on a bridge is translated, so they agree.
 */
import { zonesOf } from "./addresses.ts";
import { metadataAddress, type Network, type Rule } from "./driver.ts";
import { bridgeOf } from "./names.ts";
import { chain, counter, counterOf, hook, type Piece, set } from "./nft.ts";
import { type RuleSet, ruleSetOf } from "./rule-sets.ts";

/** Where connections of bridged packets are tracked: by the routing side (br_netfilter), or by bridges. */
export type TrackedIn = "inet" | "bridge";

/** The rules, where connections are tracked: a zone for each network, because addresses may be equal. */
export function judge(networks: readonly Network[], trackedIn: TrackedIn): readonly Piece[] {
  const bridge = trackedIn === "inet" ? "iifname" : "meta ibrname";
  const zones = zonesOf(networks.map(({ vni }) => vni));
  const zoneList = networks.map(({ vni }) => `"${bridgeOf(vni)}" : ${zones.get(vni)}`);
  const compiled = compiling();
  const ports = networks.flatMap(({ vni, ports }) =>
    ports.map((port) => {
      const key = `"${bridgeOf(vni)}" . ${port.address}`;
      return { port, key, ingress: compiled(port.ingress), egress: compiled(port.egress) };
    }),
  );
  const services = networks.flatMap(({ vni, gateway }) => [
    `"${bridgeOf(vni)}" . ${gateway} . 17 . 53`,
    `"${bridgeOf(vni)}" . ${gateway} . 6 . 53`,
    `"${bridgeOf(vni)}" . ${gateway} . 17 . 67`,
    `"${bridgeOf(vni)}" . ${metadataAddress} . 6 . 80`,
  ]);
  const verdicts = (side: "ingress" | "egress", way: Way) =>
    set(
      "map",
      `${side}_${way}`,
      "type ifname . ipv4_addr : verdict",
      ports.map((each) => `${each.key} : jump ${side}_${way}_${each[side].name}`),
    );
  const sides = ["ingress", "egress"] as const;
  return [
    ...set("set", "services", "type ifname . ipv4_addr . inet_proto . inet_service", services),
    ...set(
      "set",
      "gateways",
      "type ifname . ipv4_addr",
      networks.map(({ vni, gateway }) => `"${bridgeOf(vni)}" . ${gateway}`),
    ),
    ...distinct(ports.flatMap(({ ingress, egress }) => [ingress, egress])).flatMap(elements),
    ...sides.flatMap((side) => [
      ...ports.map(({ port }) => counter(counterOf(side, port))),
      ...set(
        "map",
        `dropped_${side}`,
        "type ifname . ipv4_addr : counter",
        ports.map(({ key, port }) => `${key} : "${counterOf(side, port)}"`),
      ),
      ...chain(`drop_${side}`, [
        `counter name ${bridge} . ct original ip ${side === "ingress" ? "daddr" : "saddr"} map @dropped_${side}`,
        "drop",
      ]),
      ...ways.flatMap((way) => [
        ...distinct(ports.map((each) => each[side])).flatMap((rules) => allowed(rules, side, way)),
        ...verdicts(side, way),
      ]),
    ]),
    ...chain("ours", [
      "ct state invalid,untracked drop",
      // An error about a connection, of which it carries a piece. It opens nothing.
      "ct state related ip protocol icmp accept",
      "ct direction reply goto reply",
      `${bridge} . ip daddr . meta l4proto . th dport @services accept`,
      `${bridge} . ip saddr @gateways udp sport 67 udp dport 68 accept`,
      `${bridge} . ip saddr vmap @egress_original`,
      `${bridge} . ip daddr vmap @ingress_original`,
    ]),
    ...chain("reply", [
      `${bridge} . ip saddr . meta l4proto . th sport @services accept`,
      `${bridge} . ip daddr vmap @egress_reply`,
      `${bridge} . ip saddr vmap @ingress_reply`,
    ]),
    ...chain("apart", [
      hook("prerouting", "raw"),
      `ct zone set ${bridge} map { ${zoneList.join(", ")} }`,
    ]),
    ...chain("judge", [
      hook("forward", "filter"),
      ...(trackedIn === "inet" ? ['iifname "hfb*" jump ours'] : ["ether type ip jump ours"]),
    ]),
  ];
}

const ways = ["original", "reply"] as const;
type Way = (typeof ways)[number];

function elements(rules: RuleSet): readonly Piece[] {
  const flow = "type ipv4_addr . inet_proto . inet_service; flags interval;";
  const icmp = "type ipv4_addr . icmp_type; flags interval;";
  return [
    ...[...rules.flows].flatMap(([length, list]) =>
      set("set", `f_${rules.name}_${length}`, flow, list),
    ),
    ...[...rules.icmp].flatMap(([length, list]) =>
      set("set", `c_${rules.name}_${length}`, icmp, list),
    ),
  ];
}

/** Comes back from what is allowed. The other side is who began it for ingress, and who was called for egress. */
function allowed(rules: RuleSet, side: "ingress" | "egress", way: Way): readonly Piece[] {
  const peer = (side === "ingress") === (way === "original") ? "ip saddr" : "ip daddr";
  const port = way === "original" ? "th dport" : "th sport";
  return chain(`${side}_${way}_${rules.name}`, [
    ...[...rules.flows.keys()].map(
      (length) => `${peer} . meta l4proto . ${port} @f_${rules.name}_${length} return`,
    ),
    ...[...rules.icmp.keys()].map(
      (length) => `${peer} . icmp type @c_${rules.name}_${length} return`,
    ),
    `goto drop_${side}`,
  ]);
}

/** Many ports have the same rules: the very same list, which the next picture may have as well, or each its own copy of it. */
function compiling(): (rules: readonly Rule[]) => RuleSet {
  const equal = new Map<string, RuleSet>();
  return (rules) => {
    const seen = compiledBefore.get(rules);
    if (seen !== undefined) return seen;
    const text = JSON.stringify(rules);
    const found = equal.get(text) ?? ruleSetOf(rules);
    compiledBefore.set(rules, found);
    equal.set(text, found);
    return found;
  };
}

const compiledBefore = new WeakMap<readonly Rule[], RuleSet>();

const distinct = (all: readonly RuleSet[]) => [
  ...new Map(all.map((rules) => [rules.name, rules])).values(),
];
