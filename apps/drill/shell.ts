/**
 * Typing into a guest: its serial console through the API, with whoever sits there as the shell.
 *
 * The guest echoes what is typed, so an answer is only one if it could not be the echo.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@holdfast/client/client";
import { openConsole } from "@holdfast/client/console";

export interface Shell {
  /** What is half typed there is thrown away first. */
  type(line: string): Promise<void>;
  /** When this was first written since the last line was typed, in milliseconds since the epoch. */
  hears(answer: RegExp, within: number): Promise<number | undefined>;
  close(): void;
}

const eraseLine = "\x15";

export async function openShell(client: Client, project: string, instance: string): Promise<Shell> {
  let heard = "";
  let heardAt = 0;
  let news = () => {};
  const console = await openConsole(client.connection, {
    project,
    instance,
    onOutput: (bytes) => {
      heard += Buffer.from(bytes).toString("latin1");
      heardAt = Date.now();
      news();
    },
  });
  console.ended.catch(() => {}); // A guest that dies takes its console with it.
  return {
    async type(line) {
      heard = "";
      await console.send(Buffer.from(`${eraseLine}${line}\n`));
    },
    async hears(answer, within) {
      const until = performance.now() + within;
      while (!answer.test(heard)) {
        const left = until - performance.now();
        if (left <= 0) return undefined;
        const told = new Promise<void>((resolve) => {
          news = resolve;
        });
        const stop = new AbortController();
        await Promise.race([told, sleep(left, undefined, { signal: stop.signal }).catch(() => {})]);
        stop.abort();
      }
      return heardAt;
    },
    close: () => console.close(),
  };
}
