/**
 * IPv4 addresses as numbers, and the numbers that tell a host's networks apart.
 *
 * Bit operations of JavaScript are signed, and half of all addresses are above 2^31: everything
 * here multiplies and divides instead.
 */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export const addressNumber = (address: string) =>
  address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

export const addressText = (number: number) =>
  [24, 16, 8, 0].map((bits) => Math.floor(number / 2 ** bits) % 256).join(".");

/** `10.1.0.7/24` is from 10.1.0.0; an address alone is itself. */
export function rangeOf(cidr: string): Range & { readonly prefix: number } {
  const [address = "", length = "32"] = cidr.split("/");
  const prefix = Number(length);
  const size = 2 ** (32 - prefix);
  const from = Math.floor(addressNumber(address) / size) * size;
  return { from, to: from + size - 1, prefix };
}

/** Sorted, without overlaps, neighbours joined. */
export function union(ranges: readonly Range[]): readonly Range[] {
  const sorted = [...ranges].sort((a, b) => a.from - b.from);
  const joined: Range[] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last && range.from <= last.to + 1)
      joined[joined.length - 1] = { from: last.from, to: Math.max(last.to, range.to) };
    else joined.push(range);
  }
  return joined;
}

/**
 * A number from 1 to 65535 for each network of this host, as connection tracking has it for telling
 * equal addresses apart. A network's own number where that fits and is free; where it is not, the
 * next free one, which may change when networks come and go: its connections are then judged anew.
 */
export function zonesOf(vnis: readonly number[]): ReadonlyMap<number, number> {
  const zones = new Map<number, number>();
  const taken = new Set<number>();
  for (const vni of [...vnis].sort((a, b) => a - b)) {
    let zone = ((vni - 1) % 65_535) + 1;
    while (taken.has(zone)) zone = (zone % 65_535) + 1;
    taken.add(zone);
    zones.set(vni, zone);
  }
  return zones;
}

/**
 * The two ends of the cable between a router and its host, out of 198.18.0.0/15: that network is for
 * measurements in laboratories (RFC 2544), so nobody else is there. Nobody but the host sees them.
 */
export function uplinkAddresses(zone: number): { readonly host: string; readonly router: string } {
  const first = addressNumber("198.18.0.0") + 2 * zone;
  return { host: addressText(first), router: addressText(first + 1) };
}
export const uplinkNetwork = "198.18.0.0/15";
