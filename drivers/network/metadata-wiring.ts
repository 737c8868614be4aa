/**
 * The namespace in which one network's guests on this host find 169.254.169.254: orders for `ip`.
 *
 * It knows the cards of this host by heart and asks for nobody's: an answer could be anybody's, and the
 * guest of another network may have the same address.
 */
import { createHash } from "node:crypto";
import { addressText, rangeOf } from "./addresses.ts";
import { metadataAddress, type Network } from "./driver.ts";
import { inside, metadataMac } from "./names.ts";

const { metadata: device } = inside;

export function metadataWiring({ cidr, mtu }: Network): readonly string[] {
  const { from, prefix } = rangeOf(cidr);
  return [
    "link set lo up",
    `link set ${device} address ${metadataMac} mtu ${mtu}`,
    `addr add ${metadataAddress}/32 dev ${device}`,
    `link set ${device} up`,
    `route add ${addressText(from)}/${prefix} dev ${device} src ${metadataAddress} hoplimit 1`,
  ];
}

/** Of the routes that are one guest's. */
const protocol = 249;
/** What every packet begins with. */
const all = 64;

/** Where each guest is, and how far answers to it reach: to whoever is not among these, one hop. */
export const metadataNeighbours = ({ ports }: Pick<Network, "ports">): readonly string[] =>
  ports.flatMap(({ address, mac, metadataHops = all }) => [
    `neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`,
    `route replace ${address}/32 dev ${device} src ${metadataAddress} hoplimit ${metadataHops} proto ${protocol}`,
  ]);

/** From those of these ports to those of others. */
export const neighbourChanges = (
  before: Pick<Network, "ports">,
  { ports }: Pick<Network, "ports">,
): readonly string[] => {
  const known = new Set(metadataNeighbours(before));
  const addresses = new Set(ports.map(({ address }) => address));
  return [
    ...before.ports
      .filter(({ address }) => !addresses.has(address))
      .flatMap(({ address }) => [
        `neigh del ${address} dev ${device}`,
        `route del ${address}/32 dev ${device} proto ${protocol}`,
      ]),
    ...metadataNeighbours({ ports }).filter((line) => !known.has(line)),
  ];
};

export const forgetNeighbours: readonly string[] = [
  `neigh flush dev ${device} nud permanent`,
  `route flush dev ${device} proto ${protocol}`,
];

/** Of the wiring; of the neighbours. */
export const metadataMark = (network: Network) => digest(metadataWiring(network));
export const neighboursMark = (network: Network) => digest(metadataNeighbours(network));

const digest = (lines: readonly string[]) =>
  createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 16);
