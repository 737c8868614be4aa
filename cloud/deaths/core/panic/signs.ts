/**
 * What a console tells when the kernel reported no fault of its own: a killed program, a bad disk.
 *
 * These are not crashes. They matter because a guest that then went quiet was killed by them more often
 * than by anything else. The last one counts: a disk error of last week did not end the guest today.
 */
import type { Line } from "./console.ts";
import type { FaultClass } from "./model.ts";

export interface Sign {
  readonly says: RegExp;
  readonly class: FaultClass;
  readonly title: string;
  readonly meaning: string;
}

export const signs: readonly Sign[] = [
  {
    says: /^mce: .{0,40}\[Hardware Error\]|\[Hardware Error\]: (?:Machine check|CPU \d|event severity)|Uncorrected hardware memory error/,
    class: "hardware",
    title: "hardware error",
    meaning: "The processor or the memory reported an error of the hardware.",
  },
  {
    says: /(?:I\/O error,? (?:on )?dev(?:ice)? |Buffer I\/O error on dev|virtio_blk .{0,40}(?:error|timeout)|nvme.{0,40}I\/O .{0,40}timeout)/,
    class: "disk-error",
    title: "disk error",
    meaning: "A disk of the guest failed to read or write.",
  },
  {
    says: /(?:EXT[234]-fs error|XFS .{0,80}(?:Corruption|Internal error|Metadata corruption)|BTRFS (?:error|critical)|JBD2: Detected IO errors|Remounting filesystem read-only)/,
    class: "filesystem-corruption",
    title: "file system error",
    meaning: "A file system found itself damaged.",
  },
  {
    says: /(?:Out of memory|Memory cgroup out of memory): Kill(?:ed)? process \d{1,10} \(/,
    class: "out-of-memory",
    title: "out of memory: a program was killed",
    meaning: "The guest ran out of memory, and its kernel killed a program.",
  },
];

/** The sign that was seen last, and the lines that show it. */
export function findSign(
  console: readonly Line[],
): { readonly sign: Sign; readonly lines: readonly Line[] } | undefined {
  for (let index = console.length - 1; index >= 0; index--) {
    const line = console[index];
    if (!line || line.context === "user") continue;
    const sign = signs.find(({ says }) => says.test(line.text));
    if (sign) return { sign, lines: seen(console, sign, index) };
  }
  return undefined;
}

function seen(console: readonly Line[], { says }: Sign, last: number): Line[] {
  const found: Line[] = [];
  for (let index = last; index >= Math.max(0, last - 1_000) && found.length < 8; index--) {
    const line = console[index];
    if (line && line.context !== "user" && says.test(line.text)) found.unshift(line);
  }
  return found;
}
