/**
 * From the bytes of a serial console to lines that can be compared.
 *
 * Consoles are hostile: the guest writes what it likes, in any length. Lines are cut and every pattern
 * here is linear, so that ten megabytes of nonsense cost a second and not the manager. What a line
 * says (`text`) and who said it (`context`) are separate, because processors write at the same time.
 */

export interface Line {
  /** What was written, without colours and carriage returns, with its time. */
  readonly raw: string;
  /** The message alone. */
  readonly text: string;
  /**
   * Which processor or task printed it ("T12", "C0"), "" when the kernel does not say, and "user" for a
   * line without a time: programs, boot loaders, and kernels that print no time.
   */
  readonly context: string;
  /** Seconds since its kernel started, where the kernel says so. */
  readonly at?: number;
}

/** A printk is at most 1 KiB; the rest of a longer line was not written by a kernel. */
const maxLength = 2_048;

/**
 * What precedes a message of the kernel: a login prompt that it interrupted, its level, time and caller.
 * The prompt must be short, so that the search for it stays cheap.
 */
const prefix =
  /^(?:\*\* \d{1,9} printk messages dropped \*\* )?(?:.{0,160}?(?: login: | kernel: ))?(?:<\d{1,3}>)?\[ {0,12}(\d{1,12}\.\d{1,9})\](?:\[ {0,8}([CT]\d{1,9})\])? ?/;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the codes that terminals obey.
const terminalCodes = /\u001b(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]|[@-Z\\-_])/g;

export function linesOf(console: string | readonly string[]): Line[] {
  const rows = typeof console === "string" ? console.split("\n") : console.flatMap(splitRow);
  return rows.filter((row) => row !== "").map(lineOf);
}

function splitRow(row: string): string[] {
  return row.includes("\n") ? row.split("\n") : [row];
}

function lineOf(row: string): Line {
  const cut = row.length > maxLength ? row.slice(0, maxLength) : row;
  const plain = cut.includes("\u001b") ? cut.replace(terminalCodes, "") : cut;
  const raw = plain.includes("\r") ? plain.replaceAll("\r", "") : plain;
  const found = raw.includes("[") ? prefix.exec(raw) : null;
  if (!found) return { raw, text: raw, context: "user" };
  return { raw, text: raw.slice(found[0].length), context: found[2] ?? "", at: Number(found[1]) };
}
