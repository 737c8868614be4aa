/**
 * What is left where the platform did not end in good order: programs whose supervisor was killed, and a machine
 * room's networks, which no process has to be alive for.
 */
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { findEmbedded } from "@holdfast/store/embedded";
import { z } from "zod";
import { paths } from "./place.ts";
import { findProgram } from "./supervision.ts";

const run = promisify(execFile);
const Cleared = z.object({ removed: z.array(z.string()), inUse: z.array(z.string()) });
export type Cleared = z.output<typeof Cleared>;
/** As a supervisor has for each of its charges; milliseconds. */
const patience = 10_000;

/** In the order of the supervisor, which must be gone: it would start them again. Returns how many there were. */
export async function endOrphans(state: string): Promise<number> {
  let count = 0;
  for (const name of ["chassis", "agent", "manager", "guard"] as const)
    if (await end(() => findProgram(state, name), "SIGTERM")) count++;
  // A fast shutdown: connections are ended, nothing is lost.
  if (await end(() => findEmbedded(paths(state).database), "SIGINT")) count++;
  return count;
}

/**
 * `idle`: what no guest is in. `all`: its hosts are switched off as well, with every guest on them. The room knows
 * how, so its program does it; it must not be open.
 */
export async function clearRoom(state: string, how: "idle" | "all"): Promise<Cleared> {
  const { stdout } = await run(process.execPath, [paths(state).script("chassis"), "clear", how], {
    env: { PATH: process.env.PATH, HOLDFAST_STATE: state },
  });
  return Cleared.parse(JSON.parse(stdout));
}

/** Whether there was one. */
async function end(
  find: () => Promise<number | undefined>,
  signal: NodeJS.Signals,
): Promise<boolean> {
  const pid = await find();
  if (pid === undefined) return false;
  const until = performance.now() + patience;
  send(pid, signal);
  while ((await find()) === pid) {
    if (performance.now() > until) send(pid, "SIGKILL");
    await sleep(20);
  }
  return true;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has gone in between.
  }
}
