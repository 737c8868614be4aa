/**
 * Which addresses a webhook may go to.
 *
 * Link-local ones never: at 169.254.169.254 and fd00:ec2::254 clouds hand out credentials to whoever asks
 * from the inside, and a manager is on the inside. The same address can be written in many ways (decimal,
 * mapped into IPv6), so only addresses that are about to be connected to are compared, never text.
 */
import { BlockList, isIPv6 } from "node:net";
import type { Reach } from "./driver.ts";

type Range = readonly [network: string, prefix: number];

const never: readonly Range[] = [
  ["0.0.0.0", 8],
  ["169.254.0.0", 16],
  ["fe80::", 10],
  ["fd00:ec2::254", 128],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  ["ff00::", 8],
];
const local: readonly Range[] = [
  ["127.0.0.0", 8],
  ["::1", 128],
  ["::", 128],
];
const privately: readonly Range[] = [
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["100.64.0.0", 10],
  ["192.0.0.0", 24],
  ["198.18.0.0", 15],
  ["fc00::", 7],
  ["fec0::", 10],
];

const listOf = (ranges: readonly Range[]) => {
  const list = new BlockList();
  for (const [network, prefix] of ranges)
    list.addSubnet(network, prefix, isIPv6(network) ? "ipv6" : "ipv4");
  return list;
};

const blocked: Readonly<Record<Reach, BlockList>> = {
  public: listOf([...never, ...local, ...privately]),
  private: listOf([...never, ...local]),
  local: listOf(never),
};

export const isWithinReach = (address: string, reach: Reach): boolean =>
  embedded(address).every((one) => !blocked[reach].check(one, isIPv6(one) ? "ipv6" : "ipv4"));

/** An address, and the IPv4 address inside of it where a translator would take that out again. */
function embedded(address: string): readonly string[] {
  if (!isIPv6(address)) return [address];
  const groups = groupsOf(address);
  const [first, second, third] = groups;
  const last = groups.slice(6).flatMap((group) => [group >> 8, group & 0xff]);
  const isZero = (from: number, to: number) => groups.slice(from, to).every((group) => group === 0);
  const isMapped = isZero(0, 5) && groups[5] === 0xffff;
  const isTranslated = first === 0x64 && second === 0xff9b; // RFC 6052, 8215
  if (isMapped || isTranslated) return [address, last.join(".")];
  if (first === 0x2002 && second !== undefined && third !== undefined)
    return [address, [second >> 8, second & 0xff, third >> 8, third & 0xff].join(".")]; // 6to4
  return [address];
}

function groupsOf(address: string): readonly number[] {
  const plain = new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname.slice(1, -1);
  const [head = "", tail] = plain.split("::");
  const numbers = (text: string) =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const [before, after] = [numbers(head), numbers(tail ?? "")];
  const gap = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array.from({ length: gap }, () => 0), ...after];
}
