/**
 * Which addresses a new network may have, and which it gets when nobody says.
 *
 * Networks of different projects may have the same addresses: they never meet. Those of one project may
 * not, because one guest can be connected to several.
 */
import { type Cidr, contains, guestRange, parseCidr, sizeOf } from "./cidr.ts";

/** RFC 1918. Whoever used others could not reach their real owners any more. */
const privateRanges: readonly Cidr[] = [
  { base: 10 * 2 ** 24, prefix: 8 },
  { base: 172 * 2 ** 24 + 16 * 2 ** 16, prefix: 12 },
  { base: 192 * 2 ** 24 + 168 * 2 ** 16, prefix: 16 },
];

/** Where nothing can be handed out: this network, loopback, link-local, multicast and what is reserved. */
const notForAnybody: readonly Cidr[] = [
  { base: 0, prefix: 8 },
  { base: 127 * 2 ** 24, prefix: 8 },
  { base: 169 * 2 ** 24 + 254 * 2 ** 16, prefix: 16 },
  { base: 224 * 2 ** 24, prefix: 3 },
];

const isPrivate = (cidr: Cidr): boolean =>
  privateRanges.some((range) => range.prefix <= cidr.prefix && contains(range, cidr.base));

/** What is wrong with it as the addresses of a network, in words. */
export function networkFault(cidr: Cidr): string | undefined {
  if (!isPrivate(cidr)) return "it is not in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16";
  // A router holds a lease for each guest, and a wave of DHCP must be answered by one dnsmasq.
  if (cidr.prefix < 16) return "it is larger than a /16";
  return cidr.prefix > 29 ? "it is smaller than a /29" : undefined;
}

/** What is wrong with it as public addresses, in words. */
export function rangeFault(cidr: Cidr): string | undefined {
  if (notForAnybody.some((range) => contains(range, cidr.base)))
    return "nobody can be reached there";
  return cidr.prefix < 16 ? "it is larger than a /16" : undefined;
}

/** For the setting `networks.supply`: private, and large enough for one network. */
export function isSupply(text: string): boolean {
  const supply = parseCidr(text);
  return supply !== undefined && isPrivate(supply) && supply.prefix <= 24;
}

/** How many guests a network has addresses for. */
export function capacityOf(cidr: Cidr): number {
  const { first, last } = guestRange(cidr);
  return last - first + 1;
}

const usual = 24;

/** The first /24 of the supply that nothing of `taken` is in; undefined if there is none. */
export function firstFree(supply: Cidr, taken: readonly Cidr[]): Cidr | undefined {
  const size = sizeOf({ base: 0, prefix: usual });
  const blocks = new Set<number>();
  for (const each of taken) {
    const end = each.base + sizeOf(each);
    for (let block = Math.floor(each.base / size); block * size < end; block++) blocks.add(block);
  }
  const end = supply.base + sizeOf(supply);
  for (let base = supply.base; base < end; base += size)
    if (!blocks.has(base / size)) return { base, prefix: usual };
  return undefined;
}
