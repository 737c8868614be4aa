/** Names for instances whose owners gave none: easy to say, hard to mix up, unlikely to be taken. */
const manners = [
  "brave",
  "calm",
  "clever",
  "eager",
  "gentle",
  "keen",
  "lucky",
  "merry",
  "noble",
  "proud",
  "quick",
  "quiet",
  "sharp",
  "steady",
  "sunny",
  "warm",
] as const;
const animals = [
  "badger",
  "crane",
  "dolphin",
  "falcon",
  "finch",
  "heron",
  "ibex",
  "lynx",
  "marten",
  "otter",
  "owl",
  "plover",
  "raven",
  "seal",
  "stoat",
  "wren",
] as const;

/** From four random bytes: two words and a number. */
export function mintName(random: Uint8Array): string {
  const [first = 0, second = 0, third = 0, fourth = 0] = random;
  const number = (third << 8) | fourth;
  return `${manners[first % manners.length]}-${animals[second % animals.length]}-${number.toString(16).padStart(4, "0")}`;
}
