/** One process that should be running: found or launched, watched, and launched again with growing pauses. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

export interface Charge {
  /** Resolves when it is gone; SIGKILL after ten seconds. */
  stop(): Promise<void>;
}

interface How {
  /** The process id, if it is running, whoever started it. */
  find(): Promise<number | undefined>;
  launch(): Promise<number>;
  readonly stopSignal: NodeJS.Signals;
}

const look = 200;
const pauses = [100, 200, 500, 1_000, 2_000, 5_000];
/** Running for so long counts as well: the next pause is the shortest again. */
const wellAfter = 10_000;
const stopPatience = 10_000;

export function keepRunning(name: string, how: How, log: Logger): Charge {
  let isWanted = true;
  let pid: number | undefined;
  const done = loop();
  return {
    async stop() {
      isWanted = false;
      await done;
      const running = pid ?? (await how.find());
      if (running !== undefined) await end(running, how.stopSignal);
    },
  };

  async function loop(): Promise<void> {
    let failures = 0;
    while (isWanted) {
      pid = await how.find();
      if (pid === undefined) {
        try {
          pid = await how.launch();
          log.info({ name, pid }, "started");
        } catch (error) {
          log.error({ name, error }, "could not be started");
        }
      } else log.info({ name, pid }, "is running");
      const since = performance.now();
      while (isWanted && pid !== undefined && isAlive(pid)) await sleep(look);
      if (!isWanted) return;
      failures = performance.now() - since > wellAfter ? 0 : failures + 1;
      const pause = pauses[Math.min(failures, pauses.length - 1)] ?? look;
      log.warn({ name, pid, pause }, "is gone, and is started again");
      pid = undefined;
      await sleep(pause);
    }
  }
}

async function end(pid: number, signal: NodeJS.Signals): Promise<void> {
  const until = performance.now() + stopPatience;
  send(pid, signal);
  while (isAlive(pid)) {
    if (performance.now() > until) send(pid, "SIGKILL");
    await sleep(20);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has gone in between.
  }
}

/** A zombie has ended; only its parent has not looked yet. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
}
