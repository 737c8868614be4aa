/**
 * The line that shows that something is going on.
 *
 * On a terminal it is one line, rewritten in place with a running clock and gone at the end. Elsewhere
 * each new thing to say is a line of its own, so that a log of a build tells the same story. It goes to
 * the error stream: what a command prints is for the next program.
 */
import { type Clock, milliseconds, since } from "@holdfast/kernel/time";
import { plain, stopwatch } from "./text/words.ts";
import type { Screen } from "./world.ts";

export interface Progress {
  /** What is going on now. Saying the same again changes nothing. */
  say(text: string): void;
  /** Prints a line that stays, above the moving one. */
  above(text: string): void;
  /** Takes the moving line away. `say` begins a new one, with a new clock. */
  end(): void;
}

const frameMilliseconds = 100;
const clearLine = "\r\u001b[K";

export function progressOn(screen: Screen, clock: Clock): Progress {
  let said: string | undefined;
  let begun = clock.now();
  let timer: NodeJS.Timeout | undefined;
  const draw = () => {
    const time = stopwatch(milliseconds(since(begun, clock.now())));
    const room = (screen.columns ?? 80) - time.length - 3; // Two between, and the last column free: a full line wraps.
    const text = plain(said ?? "");
    const shown = text.length > room ? `${text.slice(0, Math.max(0, room - 1))}…` : text;
    screen.write(`${clearLine}${shown}  ${time}`);
  };
  return {
    say(text) {
      if (text === said) return;
      if (said === undefined) begun = clock.now();
      said = text;
      if (!screen.isTTY) return void screen.write(`${plain(text)}\n`);
      timer ??= setInterval(draw, frameMilliseconds).unref();
      draw();
    },
    above(text) {
      const isMoving = screen.isTTY && said !== undefined;
      screen.write(`${isMoving ? clearLine : ""}${text}\n`);
      if (isMoving) draw();
    },
    end() {
      if (said !== undefined && screen.isTTY) screen.write(clearLine);
      clearInterval(timer);
      timer = undefined;
      said = undefined;
    },
  };
}
