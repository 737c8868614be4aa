/**
 * Rules of security groups as they are typed: `tcp:22 --from 10.0.0.0/8`.
 *
 * What is no address and no network is taken for the name of a group; the manager says if there is none.
 */
import type { GroupView } from "@holdfast/cloud/networks/api";
import { InvalidArgumentError } from "commander";

type Rule = GroupView["rules"][number];
export type TypedRule = Omit<Rule, "id">;
type What = Pick<Rule, "protocol" | "fromPort" | "toPort">;
type Peer = Pick<Rule, "cidr" | "group">;

/** `tcp:22`, `udp:5000-6000`, `tcp`, `icmp`, `any`. May be given several times. */
export function what(text: string, before: readonly What[] = []): readonly What[] {
  const [, protocol, from, to] =
    /^(tcp|udp|icmp|any)(?::(\d{1,5})(?:-(\d{1,5}))?)?$/.exec(text) ?? [];
  const isPorted = protocol === "tcp" || protocol === "udp";
  if (protocol === undefined || (from !== undefined && !isPorted))
    throw new InvalidArgumentError("It must be like tcp:22, udp:5000-6000, tcp, icmp or any.");
  return [
    ...before,
    {
      protocol: protocol as What["protocol"], // One of the four that were looked for.
      fromPort: from === undefined ? null : Number(from),
      toPort: from === undefined ? null : Number(to ?? from),
    },
  ];
}

/** `anywhere`, an address, a network or the name of a group. May be given several times. */
export const peer = (text: string, before: readonly Peer[] = []): readonly Peer[] => [
  ...before,
  peerIn(text),
];

function peerIn(text: string): Peer {
  if (text === "anywhere") return { cidr: "0.0.0.0/0", group: null };
  if (text.includes("/")) return { cidr: text, group: null };
  if (/^\d+(\.\d+){3}$/.test(text)) return { cidr: `${text}/32`, group: null };
  return { cidr: null, group: text };
}

export interface Sides {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
}

/** Each of these with each side. */
export function rulesOf(whats: readonly What[], { from = [], to = [] }: Sides): TypedRule[] {
  const towards = (direction: Rule["direction"], peers: readonly Peer[]) =>
    peers.flatMap((other) => whats.map((one) => ({ direction, ...one, ...other })));
  return [...towards("ingress", from), ...towards("egress", to)];
}

/** Without what is null: absent is how a request says it. */
export const requestOf = ({ direction, protocol, fromPort, toPort, cidr, group }: TypedRule) => ({
  direction,
  protocol,
  ...(fromPort === null ? {} : { fromPort }),
  ...(toPort === null ? {} : { toPort }),
  ...(cidr === null ? {} : { cidr }),
  ...(group === null ? {} : { group }),
});

export const isSame = (a: TypedRule, b: TypedRule): boolean =>
  a.direction === b.direction &&
  a.protocol === b.protocol &&
  a.fromPort === b.fromPort &&
  a.toPort === b.toPort &&
  a.cidr === b.cidr &&
  a.group === b.group;
