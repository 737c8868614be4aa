/**
 * Our own programs as processes: how they are launched, and how they are recognised again.
 *
 * A process id in a file may by now be somebody else's, so the command line and the state directory in the
 * environment must fit as well.
 */
import { spawn } from "node:child_process";
import { open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isAlive } from "./charge.ts";
import type { Program } from "./plan.ts";

const pidFile = (state: string, name: string) => join(state, `${name}.pid`);

/**
 * The running one, if there is one. A supervisor that was killed between a launch and its note has left a
 * process that no file names; to launch another beside it would make two hosts out of one.
 */
export async function findProgram(
  state: string,
  { name, script }: Pick<Program, "name" | "script">,
): Promise<number | undefined> {
  const noted = await findProcess(state, name, script);
  if (noted !== undefined) return noted;
  for (const pid of (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number)) {
    if (!(await isOurs(pid, state, script))) continue;
    await writeFile(pidFile(state, name), String(pid));
    return pid;
  }
  return undefined;
}

/** The running supervisor of this state directory, if there is one. */
export const findSupervisor = (state: string, script: string) =>
  findProcess(state, "supervisor", script);

export async function recordSelf(state: string): Promise<void> {
  await writeFile(pidFile(state, "supervisor"), String(process.pid));
}

async function findProcess(
  state: string,
  name: string,
  script: string,
): Promise<number | undefined> {
  const pid = Number(await readFile(pidFile(state, name), "utf8").catch(() => ""));
  return pid && (await isOurs(pid, state, script)) ? pid : undefined;
}

async function isOurs(pid: number, state: string, script: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  if (!commandLine.split("\0").includes(script)) return false;
  const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
  return environment.split("\0").includes(`HOLDFAST_STATE=${state}`);
}

/**
 * With the sixteen megabytes that V8 has for what is new, all that a pass has in hand is copied again and again before it is
 * forgotten: a quarter of a busy manager's time. And an agent, which has some twenty megabytes in all, would be searched for what is old
 * every few starts, beside one of them.
 */
export const flagsOf = (name: Program["name"]): readonly string[] => [
  "--enable-source-maps",
  ...(name === "manager" ? ["--max-semi-space-size=64"] : []),
  ...(name === "agent" ? ["--initial-old-space-size=64"] : []),
];

export async function launchProgram(
  state: string,
  logs: string,
  { name, script, env }: Program,
): Promise<number> {
  const log = await open(join(logs, `${name}.log`), "a", 0o640);
  const child = spawn(process.execPath, [...flagsOf(name), script], {
    env: { PATH: process.env.PATH, ...env, HOLDFAST_STATE: state },
    stdio: ["ignore", log.fd, log.fd],
    detached: true,
  });
  await log.close();
  if (child.pid === undefined) throw new Error(`${name} did not start`);
  await writeFile(pidFile(state, name), String(child.pid));
  child.on("error", () => {});
  child.unref();
  return child.pid;
}
