/** Handing the plan to the supervisor, starting it if it is not there, and stopping it. */
import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { problem } from "@holdfast/kernel/problem";
import { paths, readJson, writePrivately } from "./place.ts";

/** Repeats change nothing: the same plan is not written again and a supervisor that runs is left alone. */
export async function ensureSupervisor(state: string, plan: unknown): Promise<void> {
  await ensurePlan(state, plan);
  if ((await findSupervisor(state)) === undefined) await launch(state);
}

/** What the supervisor is to run. */
export const planFile = (state: string) => join(state, "platform.json");

/** For a supervisor that somebody else starts: it is told if it runs, and reads it when it starts. */
export async function ensurePlan(state: string, plan: unknown): Promise<void> {
  const file = planFile(state);
  if (JSON.stringify(await readJson(file)) === JSON.stringify(plan)) return;
  await writePrivately(file, plan);
  const running = await findSupervisor(state);
  if (running === undefined) return;
  process.kill(running, "SIGHUP");
  await followed(state, JSON.stringify(plan));
}

/** Until then a program of the old plan may answer, and be stopped a moment later. */
async function followed(state: string, plan: string): Promise<void> {
  const until = performance.now() + 60_000;
  const file = join(state, "followed.json");
  while (JSON.stringify(await readJson(file).catch(() => undefined)) !== plan) {
    if (performance.now() > until) return; // What does not come up is told by whoever needs it.
    if ((await findSupervisor(state)) === undefined) return;
    await sleep(20);
  }
}

/** Resolves when supervisor and platform are gone. Returns whether there was anything to stop. */
export async function stopSupervisor(state: string): Promise<boolean> {
  const pid = await findSupervisor(state);
  if (pid === undefined) return false;
  process.kill(pid, "SIGTERM");
  const until = performance.now() + 60_000;
  while ((await findSupervisor(state)) !== undefined) {
    if (performance.now() > until)
      throw problem(
        "unavailable",
        "platform_not_stopped",
        `The supervisor (process ${pid}) does not end.`,
        {
          fix: `See what it waits for: ${paths(state).logs}/supervisor.log`,
        },
      );
    await sleep(50);
  }
  return true;
}

export const findSupervisor = (state: string) => findProgram(state, "supervisor");

/** The running program of this state directory, and of no other. */
export async function findProgram(
  state: string,
  name: "supervisor" | "chassis" | "agent" | "manager" | "guard",
): Promise<number | undefined> {
  const pid = Number(await readFile(join(state, `${name}.pid`), "utf8").catch(() => ""));
  if (!pid) return undefined;
  const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const isIt =
    commandLine.includes(`${name}.js`) &&
    environment.split("\0").includes(`HOLDFAST_STATE=${state}`);
  return isIt ? pid : undefined;
}

async function launch(state: string): Promise<void> {
  const at = paths(state);
  const log = await open(join(at.logs, "supervisor.log"), "a", 0o640);
  const child = spawn(process.execPath, ["--enable-source-maps", at.script("supervisor")], {
    env: { PATH: process.env.PATH, HOLDFAST_STATE: state },
    stdio: ["ignore", log.fd, log.fd],
    detached: true,
  });
  await log.close();
  child.unref();
  while ((await findSupervisor(state)) === undefined) {
    if (child.exitCode !== null)
      throw new Error(`the supervisor ended with ${child.exitCode}: see ${at.logs}/supervisor.log`);
    await sleep(20);
  }
}
