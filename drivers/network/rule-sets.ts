/**
 * Rules as elements of nftables sets: thousands of them cost a packet a few look-ups.
 *
 * The kernel refuses elements that overlap, and rules do. Networks of the same length are equal or
 * apart, so there is a set for each length, and what one network may do is joined into one list of ranges
 * first. The number of elements stays about that of the rules, however they overlap.
 */
import { createHash } from "node:crypto";
import { addressText, type Range, rangeOf, union } from "./addresses.ts";
import type { Rule } from "./driver.ts";

/** What one list of rules comes to. Ports with equal rules share it. */
export interface RuleSet {
  /** Equal for equal meaning. */
  readonly name: string;
  /** Elements `address . protocol . port`, a list for each length of network. */
  readonly flows: ReadonlyMap<number, readonly string[]>;
  /** Elements `address . type` of ICMP rules that name a type. */
  readonly icmp: ReadonlyMap<number, readonly string[]>;
}

const protocols = { tcp: 6, udp: 17, icmp: 1 } as const;
const allPorts = 65_536;

/**
 * Of questions, the answers: a rule that allows a question allows its answer, and answers are judged by
 * the same sets. An answer that nobody asked for never gets that far, because no connection has it.
 */
const icmpAnswers: Readonly<Record<number, number>> = { 8: 0, 13: 14, 15: 16, 17: 18 };

export function ruleSetOf(rules: readonly Rule[]): RuleSet {
  const flows = new Map<string, Range[]>();
  const icmp = new Map<string, Set<number>>();
  for (const rule of rules)
    for (const peer of rule.peers) {
      if (peer.includes(":")) continue; // Networks are IPv4 only: nobody has that address.
      const { from, prefix } = rangeOf(peer);
      const network = `${addressText(from)}/${prefix}`;
      if (rule.protocol === "icmp" && rule.icmpType !== undefined) {
        const types = entryOf(icmp, network, () => new Set<number>()).add(rule.icmpType);
        const answer = icmpAnswers[rule.icmpType];
        if (answer !== undefined) types.add(answer);
      } else entryOf(flows, network, (): Range[] => []).push(flowOf(rule));
    }
  const lists = {
    flows: byLength(flows, (network, ranges) =>
      union(ranges)
        .flatMap(rectangles)
        .map((rest) => `${network} . ${rest}`),
    ),
    icmp: byLength(icmp, (network, types) =>
      union([...types].map((type) => ({ from: type, to: type }))).map(
        (range) => `${network} . ${span(range)}`,
      ),
    ),
  };
  const text = JSON.stringify([[...lists.flows], [...lists.icmp]]);
  return { name: createHash("sha256").update(text).digest("hex").slice(0, 12), ...lists };
}

/** Protocol and port as one number, so that ranges can be joined. */
function flowOf({ protocol, ports }: Rule): Range {
  if (protocol === "any") return { from: 0, to: 256 * allPorts - 1 };
  const base = protocols[protocol] * allPorts;
  if (protocol === "icmp" || !ports) return { from: base, to: base + allPorts - 1 };
  return { from: base + ports.from, to: base + ports.to };
}

/** And back: whole protocols in the middle, parts of one at the ends. */
function rectangles({ from, to }: Range): readonly string[] {
  const [first, last] = [Math.floor(from / allPorts), Math.floor(to / allPorts)];
  const [low, high] = [from % allPorts, to % allPorts];
  if (first === last) return [`${first} . ${span({ from: low, to: high })}`];
  const isFirstWhole = low === 0;
  const isLastWhole = high === allPorts - 1;
  const whole = { from: isFirstWhole ? first : first + 1, to: isLastWhole ? last : last - 1 };
  return [
    ...(isFirstWhole ? [] : [`${first} . ${span({ from: low, to: allPorts - 1 })}`]),
    ...(whole.from > whole.to ? [] : [`${span(whole)} . 0-65535`]),
    ...(isLastWhole ? [] : [`${last} . ${span({ from: 0, to: high })}`]),
  ];
}

const span = ({ from, to }: Range) => (from === to ? `${from}` : `${from}-${to}`);

function byLength<T>(
  networks: ReadonlyMap<string, T>,
  elementsOf: (network: string, allowed: T) => readonly string[],
): ReadonlyMap<number, readonly string[]> {
  const lists = new Map<number, string[]>();
  // Sorted, so that the order in which somebody lists the same rules changes nothing.
  for (const [network, allowed] of [...networks].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { from, to, prefix } = rangeOf(network);
    const shown = prefix === 0 ? `${addressText(from)}-${addressText(to)}` : network;
    entryOf(lists, prefix, (): string[] => []).push(
      ...elementsOf(prefix === 32 ? addressText(from) : shown, allowed),
    );
  }
  return new Map([...lists].sort(([a], [b]) => b - a));
}

function entryOf<Key, T>(map: Map<Key, T>, key: Key, fresh: () => T): T {
  const found = map.get(key) ?? fresh();
  map.set(key, found);
  return found;
}
