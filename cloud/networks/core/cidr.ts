/**
 * IPv4 networks and addresses, as numbers.
 *
 * A network's first address is its name and its last the broadcast; the second is the router's, so guests
 * get the third and on.
 */
export interface Cidr {
  /** The network's own address; host bits are zero. */
  readonly base: number;
  readonly prefix: number;
}

/** Undefined for anything but four decimal parts. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export const formatAddress = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");

/** Undefined if it is none, or names an address inside of a network instead of the network. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, length, ...more] = text.split("/");
  const base = parseAddress(address ?? "");
  if (base === undefined || more.length > 0 || !/^(0|[1-9]\d?)$/.test(length ?? ""))
    return undefined;
  const prefix = Number(length);
  if (prefix > 32 || base % sizeOf({ base, prefix }) !== 0) return undefined;
  return { base, prefix };
}

/** What looks like a network, also with bits of a host in it. */
export const cidrPattern =
  /^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\/(3[0-2]|[12]?\d)$/;

/** The network that an address with a length is in: `10.1.0.7/24` is in `10.1.0.0/24`. Others stay as they are. */
export function canonical(text: string): string {
  const [address = "", length] = text.split("/");
  const number = parseAddress(address);
  if (number === undefined || !cidrPattern.test(text)) return text;
  const prefix = Number(length);
  return formatCidr({ base: number - (number % 2 ** (32 - prefix)), prefix });
}

export const formatCidr = ({ base, prefix }: Cidr): string => `${formatAddress(base)}/${prefix}`;

export const sizeOf = ({ prefix }: Cidr): number => 2 ** (32 - prefix);

export const contains = (cidr: Cidr, address: number): boolean =>
  address >= cidr.base && address < cidr.base + sizeOf(cidr);

export const overlap = (a: Cidr, b: Cidr): boolean => contains(a, b.base) || contains(b, a.base);

/** The router's. */
export const gatewayOf = ({ base }: Cidr): number => base + 1;

/** From the first to the last address that a guest may have, both included. */
export const guestRange = (cidr: Cidr) => ({
  first: cidr.base + 2,
  last: cidr.base + sizeOf(cidr) - 2,
});

/** The lowest free ones, up to `count`: fewer if there are not so many. */
export function lowestFree(
  { first, last }: { first: number; last: number },
  taken: ReadonlySet<number>,
  count: number,
): readonly number[] {
  const free: number[] = [];
  for (let address = first; address <= last && free.length < count; address++)
    if (!taken.has(address)) free.push(address);
  return free;
}

/** The hardware address of whoever has this address in a network: no two of one network can be the same. */
export const macOf = (address: number): string =>
  ["02", "1d", ...[24, 16, 8, 0].map((shift) => hex(Math.floor(address / 2 ** shift) % 256))].join(
    ":",
  );

const hex = (byte: number) => byte.toString(16).padStart(2, "0");
