/**
 * The guard's side of a simulated watchdog: a Unix stream socket, one word a line (see simulated.ts).
 *
 * A connection that breaks is opened again, but nothing is said on it by itself: to arm is also to pet,
 * and only the guard knows whether that is right at this moment.
 */
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { problem } from "@holdfast/kernel/problem";
import { milliseconds } from "@holdfast/kernel/time";
import type { Watchdog } from "./driver.ts";

const answerTime = 1_000;
const again = 200;

export function socketWatchdog(path: string): Watchdog {
  let socket: Socket | undefined;
  let timeout: number | undefined;
  let isOpen = true;
  let retry: NodeJS.Timeout | undefined;
  /** Who waits for the next answer, and what for. */
  const waiting = new Set<{ readonly hear: (armed: number | undefined) => void }>();
  let connected = open();

  return {
    kind: "simulated",
    identity: path,
    isArmed: () => timeout !== undefined,
    async arm(wanted) {
      const armed = await ask(`arm ${wanted}`, (time) => time === wanted);
      return milliseconds(armed ?? 0);
    },
    pet: () => say("pet"),
    async disarm() {
      await ask("disarm", (time) => time === undefined);
    },
    close() {
      isOpen = false;
      clearTimeout(retry);
      socket?.destroy();
    },
  };

  function open(): Promise<void> {
    return new Promise((resolve) => {
      const fresh = connect(path, () => {
        socket = fresh;
        resolve();
      });
      fresh.on("error", () => {});
      fresh.on("close", () => {
        socket = undefined;
        timeout = undefined; // It may well be armed, but it can no longer be petted from here.
        resolve();
        if (isOpen)
          retry = setTimeout(() => {
            connected = open();
          }, again);
      });
      const lines = createInterface({ input: fresh });
      lines.on("error", () => {}); // It repeats the errors of its socket.
      lines.on("line", hear);
    });
  }

  function hear(line: string): void {
    const [word, time] = line.split(" ");
    timeout = word === "armed" ? Number(time) : undefined;
    for (const { hear: told } of waiting) told(timeout);
  }

  function say(line: string): boolean {
    if (!socket?.writable) return false;
    socket.write(`${line}\n`);
    return true;
  }

  async function ask(
    line: string,
    isDone: (armed: number | undefined) => boolean,
  ): Promise<number | undefined> {
    await connected;
    if (!say(line)) throw silent(path);
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(late);
        waiting.delete(one);
        end();
      };
      const one = {
        hear: (armed: number | undefined) => {
          if (isDone(armed)) settle(() => resolve(armed));
        },
      };
      const late = setTimeout(() => settle(() => reject(silent(path))), answerTime);
      waiting.add(one);
    });
  }
}

const silent = (path: string) =>
  problem("unavailable", "watchdog_silent", `The watchdog at ${path} does not answer.`, {
    fix: "See whether the machine room is running.",
  });
