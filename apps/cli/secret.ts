/**
 * Words that nobody may see, typed at a terminal. Never an argument, which every user of the machine can read while the
 * command runs, and which the shell remembers.
 */
import { Interrupted, type World } from "./world.ts";

const [interrupt, endOfInput, backspace, erase] = [3, 4, 8, 127];

/** The terminal is set back on every way out. */
export function typedSecret(
  { stdin, stderr }: Pick<World, "stdin" | "stderr">,
  prompt: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed: number[] = [];
    const finish = (act: () => void) => {
      stdin.off("data", onData);
      stdin.off("end", onEnd);
      stdin.setRawMode?.(false);
      stdin.pause();
      stderr.write("\n");
      act();
    };
    const said = () => finish(() => resolve(Buffer.from(typed).toString("utf8")));
    const onEnd = () => said();
    const onData = (piece: Buffer | string) => {
      const bytes = Buffer.from(piece);
      for (const [index, byte] of bytes.entries()) {
        if (byte === interrupt) return finish(() => reject(new Interrupted()));
        if (byte === 10 || byte === 13 || byte === endOfInput) {
          said();
          if (index + 1 < bytes.length) stdin.unshift(bytes.subarray(index + 1)); // For the next prompt.
          return;
        }
        if (byte === backspace || byte === erase) typed = withoutLast(typed);
        else typed.push(byte);
      }
    };
    stderr.write(`${prompt}: `);
    stdin.setRawMode?.(true);
    stdin.on("data", onData);
    stdin.on("end", onEnd);
    stdin.resume();
  });
}

/** A character may be several bytes. */
const withoutLast = (bytes: readonly number[]) => [
  ...Buffer.from([...Buffer.from(bytes).toString("utf8")].slice(0, -1).join("")),
];
