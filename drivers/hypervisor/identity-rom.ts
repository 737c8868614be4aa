/**
 * Who a guest is, as the ROM of its disk. For a process that was on standby: QEMU fills fw_cfg when it starts, and by
 * then nobody knew. A ROM comes with its device, stays over a reboot, and is nobody's to keep.
 *
 * The kernel shows only what has the signatures of an option ROM. Firmware must not run it, so its code is of a kind
 * that nobody knows. After that head there is a line for each value, and an empty line: `key value` where the value is one
 * word, and `key OFFSET BYTES` for everything else, which is in the second part.
 */

/** Of the ROM. The same for all, because a machine that moves must have one of the same size. */
export const romBytes = 65_536;
const headBytes = 64;
const secondPart = 4_096;
/** Guests read these as they are. */
const words = new Set(["instance-id", "hostname", "request-id"]);
const longestWord = 256;
const structure = 28;
/** What QEMU rounds a ROM's length in. */
const unit = 512;

/** Undefined if it does not go in. */
export function identityRom(metadata: Readonly<Record<string, string>>): Buffer | undefined {
  const lines: string[] = [];
  const long: Buffer[] = [];
  let end = secondPart;
  for (const [key, text] of Object.entries(metadata)) {
    if (words.has(key)) {
      if (!isWord(text)) return undefined;
      lines.push(`${key} ${text}\n`);
      continue;
    }
    const bytes = Buffer.from(text);
    lines.push(`${key} ${end} ${bytes.length}\n`);
    long.push(bytes);
    end += bytes.length;
  }
  const first = Buffer.from(`${lines.join("")}\n`);
  if (headBytes + first.length > secondPart || end > romBytes) return undefined;
  const rom = Buffer.alloc(romBytes);
  head().copy(rom);
  first.copy(rom, headBytes);
  Buffer.concat(long).copy(rom, secondPart);
  return rom;
}

const isWord = (text: string) => /^[\x21-\x7e]+$/.test(text) && text.length <= longestWord;

/** Ends with the end of a line, so that whoever reads lines reads past it. */
function head(): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt16LE(0xaa55, 0);
  head[2] = romBytes / unit;
  head.writeUInt16LE(structure, 0x18);
  head.write("PCIR", structure, "latin1");
  head.writeUInt16LE(24, structure + 10);
  head.writeUInt16LE(romBytes / unit, structure + 16);
  head[structure + 20] = 0xff; // Of the kinds of code none is this one.
  head[structure + 21] = 0x80; // There is no other image after it.
  head[headBytes - 1] = 0x0a;
  return head;
}
