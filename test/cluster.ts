/**
 * A platform whose managers are real processes and whose PostgreSQL writes to the disk, so that each of them
 * can be killed as power cuts and administrators do it. Hosts are simulated, in this process.
 *
 * A manager that ends is started again, as the supervisor would. Everything ends with the test's process,
 * however that ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { installOwner, platformKeyIn, sealWith, tokenOf } from "@holdfast/cloud/access/edge";
import { fetchBlob, join } from "@holdfast/cloud/agent/edge";
import { fileBlobs } from "@holdfast/drivers/images/files";
import { connectDatabase, type Database } from "@holdfast/store/database";
import { freePort, type MortalServer, startTestServer } from "@holdfast/store/testing";
import { build, type Plugin } from "esbuild";
import pino from "pino";
import { keepBlob, newHost, openAgent, type TestHost } from "../apps/simulator/hosts.ts";
import { putTinyImage } from "../apps/simulator/tiny-image.ts";
import { type Answer, mintId, until } from "./platform.ts";
import { type Watch, watchedWorld } from "./watched-world.ts";

const root = joinPath(import.meta.dirname, "..");
const key = { id: "HFOPERATOROFTHETESTS", secret: "operator-secret-of-the-tests" };
const token = tokenOf(key);

export interface ManagerProcess {
  readonly api: string;
  readonly agents: string;
  kill(): void;
  isUp(): Promise<boolean>;
}

export interface Cluster {
  readonly database: Database;
  readonly server: MortalServer;
  readonly managers: readonly ManagerProcess[];
  readonly hosts: readonly TestHost[];
  /** What must never happen on the hosts, and whether it has. */
  readonly watch: Watch;
  /** Asks one manager. Rejects if that does not answer. */
  ask<T = never>(
    manager: number,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<T>>;
  /** Asks any manager until one has an answer that is not "not now". */
  call<T = never>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<T>>;
  /** `managers` are the ones that this agent may connect to; all, if not said. */
  startAgent(host: TestHost, managers?: readonly number[]): Promise<void>;
  killAgent(host: TestHost): void;
  /** What is under way, and endings on hosts that the managers have not recorded; for people. */
  unsettled(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function startCluster(options: {
  readonly managers: number;
  readonly hosts: number;
  /** To begin with; see docs/cli.md for their names. */
  readonly settings?: Readonly<Record<string, number>>;
  /** Where managers find the database, if that is another way than straight to it. */
  readonly way?: (url: string) => Promise<string>;
}): Promise<Cluster> {
  const directory = await mkdtemp(joinPath(tmpdir(), "holdfast-cluster-"));
  const log = pino({ level: process.env.HOLDFAST_TEST_LOG ?? "silent" });
  const server = await startTestServer(true);
  const database = connectDatabase({ url: server.url });
  const program = await bundle();
  const url = (await options.way?.(server.url)) ?? server.url;
  const managers: (ManagerProcess & { close(): void })[] = [];
  const closeManagers = () => {
    for (const manager of managers) manager.close();
  };
  process.once("exit", closeManagers);
  const watch = watchedWorld();
  const hosts = Array.from({ length: options.hosts }, (_, index) =>
    newHost(`host-${index + 1}`, watch.newWorld(`host-${index + 1}`)),
  );

  const cluster: Cluster = {
    database,
    server,
    managers,
    hosts,
    watch,
    async ask<T>(
      manager: number,
      method: string,
      path: string,
      body?: unknown,
      headers: Record<string, string> = {},
    ) {
      const response = await fetch(`http://${managers[manager]?.api}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(30_000),
      });
      return { status: response.status, body: (await response.json()) as T }; // The tests say what they expect.
    },
    async call<T>(
      method: string,
      path: string,
      body?: unknown,
      headers: Record<string, string> = {},
    ) {
      for (let attempt = 0; attempt < 600; attempt++) {
        const manager = attempt % managers.length;
        const answer = await cluster
          .ask<T>(manager, method, path, body, headers)
          .catch(() => undefined);
        if (answer && answer.status !== 503) return answer;
        await sleep(100);
      }
      throw new Error(`no manager answers: ${method} ${path}`);
    },
    async startAgent(host, which = [...managers.keys()]) {
      const addresses = which.map((index) => managers[index]?.agents ?? "");
      const { joined } = host;
      if (!joined) throw new Error(`${host.name} has not joined`);
      host.agent = await openAgent(host, {
        managers: addresses,
        cpus: 64,
        memoryMiB: 65_536,
        async ensureBlob(digest) {
          const path = `/blobs/${digest}`;
          if (host.pools.get("local")?.images.has(path)) return path;
          return keepBlob(host, digest, await fetchBlob(addresses, joined, digest));
        },
        log,
      });
    },
    killAgent(host) {
      host.agent?.kill();
      host.agent = undefined;
    },
    async unsettled() {
      const rows = await database.query<{ says: string }>(
        `select concat_ws(' ', 'job', id, kind) as says from job where state = 'running'
         union all select concat_ws(' ', name, state) from host where state <> 'up'
         union all select concat_ws(' ', name, state, 'wanted', desired, op::text, cause::text) from instance
           where op is not null or (desired = 'running' and state <> 'running' and state <> 'failed')`,
      );
      const ended = hosts.flatMap(({ name, world }) =>
        [...world.machines.values()]
          .filter(({ exit }) => exit)
          .map(({ spec }) => `${name} keeps ${spec.id} g${spec.generation}, which has ended`),
      );
      return [...rows.map(({ says }) => says), ...ended];
    },
    async close() {
      for (const host of hosts) cluster.killAgent(host);
      closeManagers();
      process.off("exit", closeManagers);
      await database.close();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };

  const seal = sealWith(await platformKeyIn(directory));
  await installOwner(database, { name: "operator", key, seal, mintId });
  const blobs = await fileBlobs(joinPath(directory, "images"));
  const tiny = await putTinyImage(blobs);
  try {
    for (let index = 0; index < options.managers; index++)
      managers.push(await keepManager(program, index, directory, url));
    for (const manager of managers) await until("a manager is up", manager.isUp);
    for (const [name, value] of Object.entries(options.settings ?? {})) {
      const { status } = await cluster.call("PUT", `/v1/settings/${name}`, { value });
      if (status !== 200) throw new Error(`${name} cannot be ${value}`);
    }
    await cluster.call("POST", "/v1/images", tiny);
    for (const host of hosts) {
      const asked = { hostName: host.name, minutes: 5 };
      const { body } = await cluster.call<{ token: string }>("POST", "/v1/join-tokens", asked);
      host.joined = await join(managers[0]?.agents ?? "", body.token, host.name);
      await cluster.startAgent(host);
    }
    await until("every host is up", async () => {
      const rows = await database.query("select from host_lease");
      return rows.length === hosts.length;
    });
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}

/** The manager as one file, of the sources as they are now: it starts in half the time of the sources. */
async function bundle(): Promise<string> {
  const directory = joinPath(root, "node_modules", ".cache", `holdfast-${process.pid}`);
  const outfile = joinPath(directory, "manager.js");
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  const others: Plugin = {
    name: "others' packages stay where they are",
    setup(builder) {
      builder.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
        path.startsWith("@holdfast/") || kind === "entry-point" ? undefined : { external: true },
      );
    },
  };
  await build({
    entryPoints: [joinPath(root, "apps", "manager", "main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    plugins: [others],
    logLevel: "error",
  });
  return outfile;
}

async function keepManager(
  program: string,
  index: number,
  state: string,
  databaseUrl: string,
): Promise<ManagerProcess & { close(): void }> {
  const api = `127.0.0.1:${await freePort()}`;
  const agents = `127.0.0.1:${await freePort()}`;
  const log = process.env.HOLDFAST_TEST_MANAGER_LOG;
  let isOpen = true;
  let child: ChildProcess;
  let timer: NodeJS.Timeout | undefined;
  launch();
  return {
    api,
    agents,
    kill: () => void child.kill("SIGKILL"),
    isUp: () =>
      fetch(`http://${api}/health`).then(
        ({ ok }) => ok,
        () => false,
      ),
    close() {
      isOpen = false;
      clearTimeout(timer);
      child.kill("SIGKILL");
    },
  };

  function launch(): void {
    child = spawn(process.execPath, [program], {
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: databaseUrl,
        HOLDFAST_DATABASE_ROLE: "holdfast_manager",
        HOLDFAST_STATE: state,
        HOLDFAST_API: api,
        HOLDFAST_AGENTS: agents,
        HOLDFAST_NAME: `manager-${index + 1}`,
      },
      stdio: ["ignore", log ? "pipe" : "ignore", "inherit"],
    });
    child.stdout?.on("data", (data) => log && appendFileSync(log, data));
    child.once("exit", () => {
      if (isOpen) timer = setTimeout(launch, 100);
    });
  }
}
