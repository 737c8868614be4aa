/** Networks and what belongs to them, for people: forwards, public addresses, security groups, ids. */
import type { ReplyOf } from "@holdfast/client/client";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import type {
  AddressView,
  ForwardView,
  GroupView,
  listNetworkIds,
  listRanges,
  NetworkView,
} from "@holdfast/cloud/networks/api";
import { type Instant, milliseconds } from "@holdfast/kernel/time";
import { type Cell, facts, type Paint, table } from "./table.ts";
import { tagColumn } from "./tags.ts";
import { counted, plain, relative, span } from "./words.ts";

const age = (createdAt: number, now: Instant) => span(milliseconds(now - createdAt));

export const networkTable = (networks: readonly NetworkView[], now: Instant, paint: Paint) =>
  table(
    ["NAME", "ADDRESSES", "GUESTS", "ROUTER", "OUTSIDE AS", "ID", "AGE"],
    networks.map((one) => [
      one.name,
      one.cidr,
      `${one.guests} of ${one.capacity}`,
      routerCell(one),
      outside(one, "-"),
      one.vlan === null ? String(one.vni) : `${one.vni}, VLAN ${one.vlan}`,
      age(one.createdAt, now),
    ]),
    paint,
  );

function routerCell({ router }: NetworkView): Cell {
  if (!router) return "-";
  if (router.isUp) return { text: router.host, tone: "good" };
  return router.isUp === null
    ? { text: `${router.host}: not heard of yet`, tone: "busy" }
    : { text: `${router.host}: down`, tone: "bad" };
}

const outside = ({ router }: NetworkView, nothing: string) =>
  router ? (router.publicAddress ?? router.host) : nothing;

export function networkDetails(one: NetworkView, now: Instant, paint: Paint): string {
  const { router } = one;
  const made = router ? `made ${counted(router.generation, "time")}` : "";
  const pairs: readonly (readonly [string, Cell | undefined])[] = [
    ["addresses", `${one.guests} of ${one.capacity} are taken`],
    ["gateway", one.gateway],
    ["names", `guests find each other as NAME.${one.domain}`],
    ["largest packet", `${one.mtu} bytes`],
    ["router", router ? routerCell(one) : "none: it appears when a guest runs"],
    ["since", router ? `${relative(router.since, now)}, ${made}` : undefined],
    ["says", router?.says ?? undefined],
    [
      "outside as",
      router
        ? (router.publicAddress ?? `${router.host}, the host of its router: no public address`)
        : undefined,
    ],
    ["network id", one.vlan === null ? String(one.vni) : `${one.vni}, on VLAN ${one.vlan}`],
    ["id", one.id],
    ["project", one.project],
    ["created", relative(one.createdAt, now)],
  ];
  return `${paint("strong", one.name)}  ${one.cidr}\n${facts(pairs, paint)}`;
}

/** Each connection of an instance on a line, for `show`. */
export const connectionsOf = ({ nics }: InstanceView): readonly (readonly [string, string])[] =>
  nics.map(({ network, address, mac, publicAddress, groups }) => [
    "network",
    [
      `${network} as ${address} (${mac})`,
      ...(publicAddress === null ? [] : [`outside as ${publicAddress}`]),
      groups.length > 0
        ? `security groups ${groups.join(", ")}`
        : "no security group: everything may pass",
    ].join(", "),
  ]);

export const forwardTable = (forwards: readonly ForwardView[], now: Instant, paint: Paint) =>
  table(
    ["PROTOCOL", "PORT", "FROM", "TO", "INSTANCE", "AGE"],
    forwards.map((one) => [
      one.protocol,
      String(one.publicPort),
      one.publicAddress ?? "no public address",
      `${one.address}:${one.port}`,
      one.instance,
      age(one.createdAt, now),
    ]),
    paint,
  );

export function addressTable(
  addresses: readonly AddressView[],
  now: Instant,
  paint: Paint,
): string {
  const tags = tagColumn(addresses);
  return table(
    ["ADDRESS", "NAME", "KIND", "HELD BY", "AGE", ...tags.heads],
    addresses.map((one) => [
      one.address,
      one.name ?? "-",
      one.kind,
      holder(one),
      age(one.allocatedAt, now),
      ...tags.of(one),
    ]),
    paint,
  );
}

function holder({ instance, network }: AddressView): Cell {
  if (network !== null) return `network ${network}`;
  return instance ?? { text: "nothing", tone: "dim" };
}

export function groupTable(groups: readonly GroupView[], paint: Paint): string {
  const tags = tagColumn(groups);
  return table(
    ["NAME", "RULES", "INSTANCES", ...tags.heads, "DESCRIPTION"],
    groups.map((one) => [
      one.name,
      String(one.rules.length),
      String(one.instances.length),
      ...tags.of(one),
      one.description,
    ]),
    paint,
  );
}

type Rule = GroupView["rules"][number];

export function groupDetails(group: GroupView, paint: Paint): string {
  const { name, description, rules, instances } = group;
  const isNothing = (direction: Rule["direction"]) =>
    rules.every((rule) => rule.direction !== direction);
  const rows = rules.map((rule): readonly Cell[] => [
    rule.direction === "ingress" ? "in" : "out",
    whatOf(rule),
    peerOf(rule),
    { text: rule.id, tone: "dim" },
  ]);
  return [
    [paint("strong", name), plain(description)].filter(Boolean).join("  "),
    "",
    ...(rows.length > 0 ? [table(["WAY", "WHAT", "OTHER SIDE", "ID"], rows, paint), ""] : []),
    ...(isNothing("ingress") ? ["Nothing may come in."] : []),
    ...(isNothing("egress") ? ["Everything may go out, unless another group says what may."] : []),
    instances.length > 0 ? `In it: ${instances.join(", ")}` : "No instance is in it.",
  ].join("\n");
}

/** `tcp 22`, `udp 5000-6000`, `icmp`, `everything`. */
export function whatOf({
  protocol,
  fromPort,
  toPort,
}: Pick<Rule, "protocol" | "fromPort" | "toPort">): string {
  if (protocol === "any") return "everything";
  if (fromPort === null) return protocol;
  return `${protocol} ${fromPort}${toPort === null || toPort === fromPort ? "" : `-${toPort}`}`;
}

export function peerOf({ cidr, group }: Pick<Rule, "cidr" | "group">): string {
  if (group !== null) return `group ${group}`;
  return cidr === "0.0.0.0/0" ? "anywhere" : (cidr ?? "");
}

export const rangeTable = (
  ranges: ReplyOf<typeof listRanges>["ranges"],
  now: Instant,
  paint: Paint,
) =>
  table(
    ["RANGE", "TAKEN", "FREE", "AGE"],
    ranges.map(({ cidr, size, taken, createdAt }) => [
      cidr,
      String(taken),
      String(size - taken),
      age(createdAt, now),
    ]),
    paint,
  );

/** Those nobody would miss first, as the manager lists them. */
export function idTable(
  { first, last, free, held }: ReplyOf<typeof listNetworkIds>,
  now: Instant,
  paint: Paint,
): string {
  const head =
    first > last
      ? `The pool is empty: it begins at ${first} and ends at ${last}.`
      : `Of the network ids from ${first} to ${last}, ${held.length} are held and ${free} are free.`;
  if (held.length === 0) return head;
  const rows = held.map((one) => [
    String(one.vni),
    one.project,
    one.network,
    one.guests === 0 ? "none" : String(one.guests),
    age(one.createdAt, now),
  ]);
  return `${head}\n\n${table(["ID", "PROJECT", "NETWORK", "GUESTS", "AGE"], rows, paint)}`;
}
