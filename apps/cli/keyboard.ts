/**
 * Joins what is typed, or piped in, to a guest's console.
 *
 * A terminal is set to raw mode, so that Ctrl-C reaches the guest and not us; it must be set back on
 * every way out, or the user's shell is left deaf. Input is read no faster than the guest's host takes it.
 */
import type { Console } from "@holdfast/client/console";
import type { Keyboard } from "./world.ts";

/** Ctrl-], which telnet has used for this since 1983. */
const escapeByte = 0x1d;

export interface Attached {
  /** To be called whenever the guest has written something. */
  heard(): void;
  /** Gives the terminal back. May be called twice. */
  detach(): void;
}

/** `idleMilliseconds`: how long the guest must be silent after piped input has ended before we leave. */
export function attach(
  stdin: Keyboard,
  console: Pick<Console, "send" | "close">,
  idleMilliseconds: number,
): Attached {
  let idle: NodeJS.Timeout | undefined;
  let hasEnded = false;
  const restart = () => {
    clearTimeout(idle);
    if (hasEnded) idle = setTimeout(() => console.close(), idleMilliseconds);
  };
  const onData = (piece: Buffer | string) => {
    const typed = Buffer.from(piece);
    const end = typed.indexOf(escapeByte);
    const bytes = end < 0 ? typed : typed.subarray(0, end);
    stdin.pause();
    const sent = bytes.length > 0 ? console.send(bytes) : Promise.resolve();
    sent.then(
      () => (end < 0 ? stdin.resume() : console.close()),
      () => {}, // The console has ended; its end says why.
    );
  };
  const onEnd = () => {
    hasEnded = true;
    restart();
  };
  if (stdin.isTTY) stdin.setRawMode?.(true);
  stdin.on("data", onData);
  stdin.on("end", onEnd);
  stdin.resume();
  return {
    heard: restart,
    detach: () => {
      clearTimeout(idle);
      hasEnded = false;
      stdin.off("data", onData);
      stdin.off("end", onEnd);
      if (stdin.isTTY) stdin.setRawMode?.(false);
      stdin.pause();
    },
  };
}
