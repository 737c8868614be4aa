/**
 * From one picture to the next where only ports came or went, as nearly always: every start and every end of a guest.
 *
 * Whoever knows that all of the first picture is so can order these without looking at the kernel, which takes several
 * times as long as what is to be done. What is found wrong later is mended by whoever looks.
 */
import type { Batch } from "./commands.ts";
import type { Network, Picture, Port, Rule } from "./driver.ts";
import { linesFor, tapFor } from "./host-links.ts";
import { metadataMark, neighbourChanges, neighboursMark } from "./metadata-wiring.ts";
import { metadataNamespaceOf, metadataPortOf, tapOf } from "./names.ts";

export interface PortChanges {
  /** Of those that come. */
  readonly taps: Batch;
  /** For the metadata service, of each network in turn: a mark that they are right comes last. */
  readonly neighbours: readonly Batch[];
  /** Names of taps. */
  readonly go: readonly string[];
  /** Networks whose router serves others than before. */
  readonly served: readonly Network[];
}

/** Undefined if anything else is different, or if nothing is: then somebody has to look. */
export function portChanges(
  before: Picture,
  wanted: Picture,
  tag: string,
): PortChanges | undefined {
  if (before.networks.length !== wanted.networks.length) return undefined;
  const known = new Map(before.networks.map((network) => [network.id, network]));
  const isSame = comparison();
  const pairs: (readonly [Network, Network])[] = [];
  for (const network of wanted.networks) {
    const old = known.get(network.id);
    if (!old || !isOnlyPorts(old, network)) return undefined;
    if (!isSame(old, network)) pairs.push([old, network]);
  }
  if (pairs.length === 0) return undefined;
  const onHost = (lines: readonly string[]): Batch => ({ where: undefined, program: "ip", lines });
  return {
    taps: onHost(pairs.flatMap(([old, network]) => coming(old, network))),
    neighbours: pairs.flatMap(([old, network]) => [
      {
        where: metadataNamespaceOf(tag, network.vni),
        program: "ip",
        lines: neighbourChanges(old, network),
      },
      onHost(marking(old, network)),
    ]),
    go: pairs.flatMap(([old, network]) => going(old, network)),
    served: pairs.flatMap(([old, network]) =>
      JSON.stringify(old.router) === JSON.stringify(network.router) ? [] : [network],
    ),
  };
}

const coming = ({ ports: before }: Network, network: Network): readonly string[] =>
  without(network.ports, before).flatMap((port) => linesFor(tapFor(port, network)));

const going = ({ ports: before }: Network, { ports }: Network): readonly string[] =>
  without(before, ports).map(({ nic }) => tapOf(nic));

function marking(before: Network, network: Network): readonly string[] {
  if (neighboursMark(before) === neighboursMark(network)) return [];
  const marks = `${metadataMark(network)} ${neighboursMark(network)}`;
  return [`link set dev ${metadataPortOf(network.vni)} alias "${marks}"`];
}

/** The first port brings the metadata service with it, and the last one takes it away. */
function isOnlyPorts(before: Network, network: Network): boolean {
  const isUp = new Map(before.ports.map(({ nic, isUp }) => [nic, isUp]));
  return (
    restOf(before) === restOf(network) &&
    before.ports.length > 0 === network.ports.length > 0 &&
    network.ports.every((port) => (isUp.get(port.nic) ?? port.isUp) === port.isUp)
  );
}

/** All but its ports, and whom its router serves. */
function restOf({ ports: _, router, ...rest }: Network): string {
  const { hosts: __, ...same } = router ?? { hosts: [] };
  return JSON.stringify([rest, router === undefined, same]);
}

/** For networks of which only ports may differ, and whom the router serves. Ports share lists of rules, and each is read once. */
function comparison(): (one: Network, other: Network) => boolean {
  const numbers = new Map<readonly Rule[] | string, number>();
  const numberOf = (key: readonly Rule[] | string): number => {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const number = typeof key === "string" ? numbers.size : numberOf(JSON.stringify(key));
    numbers.set(key, number);
    return number;
  };
  const isSamePort = (
    { ingress, egress, ...one }: Port,
    { ingress: itsIngress, egress: itsEgress, ...other }: Port,
  ) =>
    JSON.stringify(one) === JSON.stringify(other) &&
    (ingress === itsIngress || numberOf(ingress) === numberOf(itsIngress)) &&
    (egress === itsEgress || numberOf(egress) === numberOf(itsEgress));
  return (one, other) =>
    one.ports.length === other.ports.length &&
    JSON.stringify(one.router) === JSON.stringify(other.router) &&
    one.ports.every((port, index) => {
      const its = other.ports[index];
      return its !== undefined && (port === its || isSamePort(port, its));
    });
}

function without(all: Network["ports"], some: Network["ports"]): Network["ports"] {
  const known = new Set(some.map(({ nic }) => nic));
  return all.filter(({ nic }) => !known.has(nic));
}
