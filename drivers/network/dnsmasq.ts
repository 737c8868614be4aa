/**
 * One dnsmasq per router: DHCP and DNS of its network.
 *
 * It is a daemon of its own and outlives us, so nobody waits for it: whether it lives is read from
 * /proc. Its configuration's file is named after what is in it, and the process is known by that name,
 * so a number that was used again is never taken for it.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Commands } from "./commands.ts";
import type { DnsFiles } from "./router.ts";

/** How long one that was killed may take to be gone, in milliseconds. */
const patience = 5_000;

/** Make it run with these files. A change of names does not interrupt it. */
export async function ensureDns(
  commands: Commands,
  namespace: string,
  directory: string,
  files: DnsFiles,
): Promise<void> {
  const config = configOf(directory, files);
  const running = findDns(directory);
  const loaded = join(directory, "loaded");
  const names = digest(files.leases + files.names);
  if (running?.config === config) {
    if (contents(loaded) === names) return;
    // In one go, because whoever asks for an address waits for it. Meanwhile the note says nothing: who dies or fails tells
    // them again.
    await commands.steps([
      { argv: ["printf", ""], into: loaded },
      ...namesOf(directory, files).map(([into, text]) => ({ argv: ["printf", "%s", text], into })),
      { argv: ["kill", "-HUP", `${running.pid}`] },
      { argv: ["printf", "%s", names], into: loaded },
    ]);
    return;
  }
  await endAll(commands, namespace);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o755 });
  for (const [file, text] of namesOf(directory, files))
    await writeFile(file, text, { mode: 0o644 });
  await writeFile(config, files.config, { mode: 0o644 });
  // It returns once it listens.
  await commands.run(namespace, [
    "dnsmasq",
    `--conf-file=${config}`,
    `--pid-file=${join(directory, "pid")}`,
  ]);
  commands.count(1);
  await writeFile(loaded, names);
}

/** The one that runs with the files of this directory, if any does. */
function findDns(directory: string): { pid: number; config: string } | undefined {
  const pid = Number(contents(join(directory, "pid")));
  if (!(pid > 1)) return undefined;
  // Empty once it is dead, even if nobody has noticed.
  const words = contents(`/proc/${pid}/cmdline`).split("\0");
  const config = words
    .find((word) => word.startsWith("--conf-file="))
    ?.slice("--conf-file=".length);
  return config?.startsWith(`${directory}/`) ? { pid, config } : undefined;
}

/** Whether it runs as these files say. */
export function isDnsRight(directory: string, files: DnsFiles): boolean {
  return findDns(directory)?.config === configOf(directory, files);
}

/** Of a namespace whose name is lost, by its directory; the programs in it keep it alive. */
export async function endDns(directory: string): Promise<void> {
  const running = findDns(directory);
  if (running) await end([running.pid]);
  await rm(directory, { recursive: true, force: true });
}

/** Ends every program in a namespace of ours: nobody else has any business there. */
export async function endAll(commands: Commands, namespace: string): Promise<void> {
  const listing = await commands.run(undefined, ["ip", "netns", "pids", namespace]);
  await end(listing.split("\n").filter(Boolean).map(Number));
}

async function end(pids: readonly number[]): Promise<void> {
  for (const pid of pids)
    try {
      process.kill(pid, "SIGKILL");
    } catch {} // Gone already.
  const late = performance.now() + patience;
  for (const pid of pids)
    while (await isAlive(pid)) {
      if (performance.now() > late) throw new Error(`process ${pid} does not end`);
      await sleep(5);
    }
}

/** Not a zombie either: one that nobody has waited for holds nothing any more. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

export async function directoriesIn(parent: string): Promise<readonly string[]> {
  return readdir(parent).catch(() => []);
}

const namesOf = (directory: string, { leases, names }: DnsFiles) =>
  [
    [join(directory, "leases"), leases],
    [join(directory, "names"), names],
  ] as const;

/** Small, and nearly always in memory: to ask another thread for it takes ten times as long. Empty if it is not there. */
function contents(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

const configOf = (directory: string, { config }: DnsFiles) =>
  join(directory, `${digest(config)}.conf`);
const digest = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 16);
