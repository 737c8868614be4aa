/**
 * A real installation with a state directory and ports of its own, and ways to hurt it. What is asked of its
 * API is asked again until there is an answer, because whoever should give it may just have been killed.
 *
 * Only processes that name this state directory are ever touched: others may run beside it.
 */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "@holdfast/store/testing";
import { bridgeOf } from "../../apps/chassis/plan.ts";

const launcher = join(import.meta.dirname, "..", "..", "holdfast");
const run = promisify(execFile);
export const victims = ["manager", "agent", "guard", "database", "supervisor"] as const;
export type Victim = (typeof victims)[number];

export interface Installation {
  readonly state: string;
  command(...args: readonly string[]): Promise<string>;
  /** Rejects only after minutes; 503 is asked again like silence. */
  call<T>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ readonly status: number; readonly body: T }>;
  /** kill -9, if it is there. */
  kill(victim: Victim): void;
  /** Process ids of its guests, by instance and generation. */
  guests(): ReadonlyMap<string, number>;
  /** Everything that exists because of it: processes, cgroups, files that should have been temporary. */
  leftovers(instances: readonly string[]): readonly string[];
  /** kill -9 for every process of it, guests as well; what the kernel keeps without them stays. */
  crash(): Promise<void>;
  /** Whatever state it is in, it is gone afterwards. */
  remove(): Promise<void>;
}

/** `options` are for `up`. One at a time has the machine itself as its host: its networks are the machine's. */
export async function install(name: string, ...options: readonly string[]): Promise<Installation> {
  if (!options.includes("--hosts")) await machineIsFree();
  const state = `/tmp/hf-${name}-${process.pid}`;
  const [api, agents, database] = [await freePort(), await freePort(), await freePort()];
  const ec2 = await freePort();
  const command = async (verb = "", ...args: readonly string[]) =>
    (await run(launcher, [verb, "--state", state, ...args])).stdout;
  const atExit = () => killAll();
  process.once("exit", atExit);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(1));
  const ports = [
    ...["--api-port", api, "--ec2-port", ec2, "--agent-port", agents],
    ...["--database-port", database],
  ].map(String);
  await command("up", ...options, ...ports).catch((error: unknown) => {
    killAll();
    throw error;
  });
  const client = JSON.parse(readFileSync(join(state, "client.json"), "utf8"));
  const { url, token } = client as { url: string; token: string }; // Written by `up`.

  return {
    state,
    command,
    async call<T>(method: string, path: string, body?: unknown, more: Record<string, string> = {}) {
      const json = body === undefined ? {} : { "content-type": "application/json" };
      const headers = { authorization: `Bearer ${token}`, ...json, ...more };
      const text = body === undefined ? {} : { body: JSON.stringify(body) };
      for (let attempt = 0; attempt < 300; attempt++) {
        const signal = AbortSignal.timeout(10_000);
        const answer = await fetch(`${url}${path}`, { method, headers, ...text, signal })
          .then(async (response) => ({
            status: response.status,
            body: (await response.json()) as T, // The tests say what they expect.
          }))
          .catch(() => undefined);
        if (answer && answer.status !== 503) return answer;
        await sleep(200);
      }
      throw new Error(`no answer: ${method} ${path}`);
    },
    kill(victim) {
      const file = victim === "database" ? "database/data/postmaster.pid" : `${victim}.pid`;
      const text = existsSync(join(state, file)) ? readFileSync(join(state, file), "utf8") : "";
      const pid = Number(text.split("\n")[0]);
      if (pid && mentions(pid)) end(pid);
    },
    guests: () =>
      new Map(
        processes()
          .filter((pid) => commandLine(pid).startsWith("qemu-system-x86_64\0"))
          .flatMap((pid): readonly [string, number][] => {
            // One that is no instance's is being made a template of.
            const [, id, generation] =
              /run\/([0-9a-f-]{36})\/g(\d+)\//.exec(commandLine(pid)) ?? [];
            return id === undefined ? [] : [[`${id} g${generation}`, pid]];
          }),
      ),
    leftovers(instances) {
      const running = processes().map((pid) =>
        commandLine(pid).replaceAll("\0", " ").slice(0, 100),
      );
      const run = filesIn(join(state, "run")).filter(
        (path) => !/^[0-9a-f-]{36}(\/generation)?$/.test(path), // Tombstones stay.
      );
      const wishes = filesIn(state, ["database"]).filter(
        (path) => path.endsWith("wishes.jsonl") && statSync(join(state, path)).size > 0,
      );
      const temporary = filesIn(state, ["database"]).filter((path) => /\.(new|tmp)$/.test(path));
      const groups = ["", "cpu", "memory", "pids"]
        .flatMap((controller) => filesIn(join("/sys/fs/cgroup", controller, "holdfast")))
        .filter((path) => instances.some((id) => path.startsWith(id)));
      return [...running, ...run, ...wishes, ...temporary, ...groups];
    },
    async crash() {
      for (killProcesses(); processes().length > 0; killProcesses()) await sleep(20);
    },
    async remove() {
      process.off("exit", atExit);
      for (killAll(); processes().length > 0; killAll()) await sleep(20);
      rmSync(state, { recursive: true, force: true });
    },
  };

  function killAll(): void {
    killProcesses();
    for (const words of networks(state)) quietly(words);
  }

  /** The supervisor first, or it would start the others again. */
  function killProcesses(): void {
    const all = processes();
    const isSupervisor = (pid: number) => commandLine(pid).includes("supervisor.js");
    for (const pid of all.filter(isSupervisor)) end(pid);
    for (let round = 0; round < 3; round++) for (const pid of processes()) end(pid);
  }

  function processes(): readonly number[] {
    return readdirSync("/proc")
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number)
      .filter((pid) => pid !== process.pid && mentions(pid));
  }

  /** By a path below it, as an argument of `up`, or in the environment. */
  function mentions(pid: number): boolean {
    const line = commandLine(pid);
    const words = [...line.split("\0"), ...textOf(`/proc/${pid}/environ`).split("\0")];
    return (
      line.includes(`${state}/`) ||
      words.includes(state) ||
      words.some((word) => `${word}/`.startsWith(`HOLDFAST_STATE=${state}/`))
    );
  }
}

/** Nobody else has this machine itself as a host until this process ends, whatever becomes of it. */
export async function machineIsFree(): Promise<void> {
  const take = () =>
    new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen("\0holdfast-end-to-end", () => resolve(true)).unref();
    });
  while (!(await take())) await sleep(500);
}

/** Commands that take away what a machine room of this state directory has outside of it, whatever is left. */
export function networks(state: string): readonly (readonly string[])[] {
  const file = join(state, "chassis", "room.json");
  if (!existsSync(file)) return [];
  const { slot } = JSON.parse(readFileSync(file, "utf8")) as { slot: number }; // The room wrote it.
  const bridge = bridgeOf(slot);
  const names = existsSync("/run/netns") ? readdirSync("/run/netns") : [];
  const tag = bridge.slice("hf".length);
  const ours = new RegExp(`^(${bridge}-|hf-${tag}[0-9a-z]-)`); // Of its hosts, and of their routers.
  const hosts = names.filter((each) => ours.test(each));
  const links = readdirSync("/sys/class/net").filter((each) => each.startsWith(bridge));
  const tables = String(execFileSync("nft", ["list", "tables"])).split("\n");
  return [
    ...hosts.map((each) => ["ip", "netns", "del", each]),
    ...links.map((each) => ["ip", "link", "del", each]),
    ...tables
      .filter((each) => each.endsWith(` ${bridge}`))
      .map((each) => `nft delete ${each}`.split(" ")),
  ];
}

/** One may take another with it. */
function quietly([program = "", ...args]: readonly string[]): void {
  try {
    execFileSync(program, args, { stdio: "ignore" });
  } catch {
    // It has gone with its other end.
  }
}

const commandLine = (pid: number) => textOf(`/proc/${pid}/cmdline`);

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // It has ended.
  }
}

/** Paths below a directory; nothing if it is not there. */
function filesIn(directory: string, except: readonly string[] = []): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter(({ name }) => !except.includes(name))
    .flatMap((entry) =>
      entry.isDirectory()
        ? [
            entry.name,
            ...filesIn(join(directory, entry.name)).map((path) => `${entry.name}/${path}`),
          ]
        : [entry.name],
    );
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
