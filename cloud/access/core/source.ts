/**
 * Whom an address stands for. One who has IPv6 has at least a whole /64 of it, and may come from another address
 * of that each time; so that is what is counted. IPv4 in the clothes of IPv6 is IPv4.
 */
export function sourceOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = (address.split("%")[0] ?? "").toLowerCase().split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...after];
  const shown = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${shown.join(":")}::/64`;
}
