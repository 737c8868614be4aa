/**
 * The platform's programs as processes of a bench: the same bundles that `holdfast up` runs, a durable
 * PostgreSQL that counts its statements, and hosts that are simulated and speak over the real link.
 *
 * Whatever is started here is in `running` from its first moment and ended by `endAll`, also after an error.
 */
import { type ChildProcess, execFileSync, fork, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { appendFile, mkdir, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { installOwner, platformKeyIn, sealWith, tokenOf } from "@holdfast/cloud/access/edge";
import { fileBlobs } from "@holdfast/drivers/images/files";
import { type MintId, uuidV7 } from "@holdfast/kernel/ids";
import { connectDatabase } from "@holdfast/store/database";
import { launchEmbedded, prepareEmbedded, settleEmbedded } from "@holdfast/store/embedded";
import { migrate } from "@holdfast/store/migrate";
import { freePort, migrations } from "@holdfast/store/testing";
import { build } from "esbuild";
import { flagsOf } from "../apps/supervisor/programs.ts";
import { loadNow } from "./measure.ts";

const mintId: MintId = () => uuidV7(Date.now(), randomBytes(16)) as never; // Every kind of id is a UUID.
const repository = join(import.meta.dirname, "..");
const key = { id: "HFOPERATOROFTHEBENCH", secret: "operator-secret-of-the-benches" };
export const token = tokenOf(key);

export interface Server {
  readonly pid: number;
  /** As owner of the schema. */
  readonly url: string;
}

export interface Manager {
  readonly pid: number;
  readonly apiPort: number;
  readonly agentPort: number;
  readonly ec2Port: number;
  readonly log: string;
}

/** What must be done at the end, the youngest first. */
const endings: (() => Promise<unknown>)[] = [];

export async function endAll(): Promise<void> {
  for (const end of endings.splice(0).reverse()) await end().catch((error) => console.error(error));
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void endAll().then(() => process.exit(1)));

/** Bundles the programs as they are now. */
export function buildPrograms(): void {
  execFileSync(process.execPath, ["--import", "tsx", join(repository, "tools", "build.ts")], {
    cwd: repository,
    stdio: "inherit",
  });
}

/**
 * A program of the benches, bundled as the platform's are: the loader for TypeScript names every function anew each
 * time that it is made, which was a quarter of what simulated hosts cost.
 */
async function bundled(name: string): Promise<string> {
  const outfile = join(repository, "dist", `bench-${name}.js`);
  await build({
    ...{ entryPoints: [join(import.meta.dirname, `${name}.ts`)], outfile, logLevel: "warning" },
    ...{ bundle: true, platform: "node", target: "node20", format: "esm" },
    plugins: [
      {
        name: "everybody else's stay where they are",
        setup({ onResolve }) {
          onResolve({ filter: /^[^./]/ }, ({ path }) =>
            path.startsWith("@holdfast/") ? undefined : { path, external: true },
          );
        },
      },
    ],
  });
  return outfile;
}

/** A directory that is gone after the bench. */
export async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "hf-bench-"));
  endings.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The embedded server with its settings of production, fsync included, and a counter of statements. */
export async function startServer(directory: string): Promise<Server> {
  const options = {
    directory: join(directory, "database"),
    port: await freePort(),
    user: "holdfast-db",
    isDurable: true,
  };
  execFileSync("chmod", ["755", directory]);
  const urls = await prepareEmbedded(options);
  const counting =
    "shared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.track_planning = on\n";
  await appendFile(join(options.directory, "data", "postgresql.conf"), counting);
  const pid = await launchEmbedded(options);
  endings.push(() => end(pid, "SIGINT"));
  await settleEmbedded(options, urls);
  const database = connectDatabase({ url: urls.owner, connections: 1 });
  await database.query("create extension pg_stat_statements");
  await migrate(database, migrations);
  const seal = sealWith(await platformKeyIn(directory));
  await installOwner(database, { name: "operator", key, seal, mintId });
  // A bench asks more often than anybody may.
  await database.query(
    "insert into setting (name, value, changed_by) values ('access.rate', '0', 'bench')",
  );
  await database.close();
  return { pid, url: urls.owner };
}

export async function startManager(
  directory: string,
  { url }: Server,
  flags: readonly string[] = [],
): Promise<Manager> {
  const [apiPort, agentPort, ec2Port] = [await freePort(), await freePort(), await freePort()];
  const log = join(directory, "manager.log");
  await mkdir(join(directory, "images"), { recursive: true });
  const child = await launch([...flags, join(repository, "dist", "manager.js")], log, {
    HOLDFAST_STATE: directory,
    DATABASE_URL: url,
    HOLDFAST_DATABASE_ROLE: "holdfast_manager",
    HOLDFAST_API: `127.0.0.1:${apiPort}`,
    HOLDFAST_EC2: `127.0.0.1:${ec2Port}`,
    HOLDFAST_AGENTS: `127.0.0.1:${agentPort}`,
  });
  endings.push(() => showErrors(log));
  const isUp = () =>
    fetch(`http://127.0.0.1:${apiPort}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isUp())) {
    if (child.exitCode !== null) throw new Error(`the manager did not start: see ${log}`);
    await sleep(20);
  }
  return { pid: pidOf(child), apiPort, agentPort, ec2Port, log };
}

/** An image whose disk is four kilobytes of nothing: enough for hosts that are simulated. */
export async function registerEmptyImage(
  directory: string,
  { apiPort }: Pick<Manager, "apiPort">,
): Promise<void> {
  const blobs = await fileBlobs(join(directory, "images"));
  const { digest } = await blobs.put(Readable.from([Buffer.alloc(4_096)]));
  const disk = { digest, format: "raw", virtualBytes: 4_096 };
  const manifest = { disk, saysReady: true, smallestMemoryMiB: 64 };
  await caller(apiPort)("POST", "/v1/images", { name: "tiny", source: "bench", manifest });
}

/** What most benches begin with: the programs as they are now, a server, a manager, and an image for simulated hosts. */
export async function startPlatform(flags: readonly string[] = []) {
  console.log(`load ${loadNow()} at the beginning`);
  buildPrograms();
  const directory = await scratch();
  const server = await startServer(directory);
  const manager = await startManager(directory, server, flags);
  await registerEmptyImage(directory, manager);
  return { server, manager };
}

/** `count` simulated hosts in one process, joined and connected. Returns its process id. */
export async function startHosts(
  manager: Manager,
  first: number,
  count: number,
  flags: readonly string[] = [],
): Promise<number> {
  const child = fork(await bundled("hosts"), {
    // Fifty agents in one process have fifty times as much in hand as one has.
    execArgv: ["--max-semi-space-size=64", ...flags],
    env: {
      ...process.env,
      BENCH_API: String(manager.apiPort),
      BENCH_AGENTS: `127.0.0.1:${manager.agentPort}`,
      BENCH_FIRST: String(first),
      BENCH_COUNT: String(count),
    },
  });
  endings.push(() => end(pidOf(child), "SIGTERM"));
  const [message] = await Promise.race([once(child, "message"), once(child, "exit")]);
  if (message !== "connected") throw new Error("the simulated hosts did not connect");
  return pidOf(child);
}

/** A process that says what hosts say, for hosts that are rows; see responder.ts. */
export interface Responder {
  readonly pid: number;
  /** How long it took from the first connection to the last welcome; milliseconds. */
  readonly connectedIn: number;
  /** What was said since the start, and the delays of the heartbeats since it was last asked, in order; milliseconds. */
  counts(): Promise<{
    readonly heartbeats: number;
    readonly beats: number;
    readonly delays: readonly number[];
  }>;
  /** These fall silent, all at once and for good. */
  silence(hosts: readonly string[]): Promise<void>;
}

/** The first `count` hosts of the database, connected and welcome. */
export async function startResponder(
  manager: Manager,
  { url }: Server,
  count: number,
  pool = "",
): Promise<Responder> {
  const child = fork(await bundled("responder"), {
    execArgv: [],
    env: {
      ...process.env,
      BENCH_DATABASE: url,
      BENCH_AGENTS: `127.0.0.1:${manager.agentPort}`,
      BENCH_COUNT: String(count),
      BENCH_POOL: pool,
    },
  });
  endings.push(() => end(pidOf(child), "SIGTERM"));
  const [message] = await Promise.race([once(child, "message"), once(child, "exit")]);
  if (typeof message !== "object") throw new Error("the hosts did not connect");
  const ask = async (silence: readonly string[]) => {
    const answered = once(child, "message");
    child.send({ silence });
    return (await answered)[0];
  };
  return {
    pid: pidOf(child),
    connectedIn: message.milliseconds,
    counts: () => ask([]),
    silence: ask,
  };
}

/** Ends a process that was started here, the polite way. */
export const stop = (pid: number) => end(pid, "SIGTERM");

export type Call = <T = unknown>(method: string, path: string, body?: unknown) => Promise<T>;

/** A client of the API over connections that stay open. Throws at any status from 300 on. */
export function caller(apiPort: number, bearer = token): Call {
  const agent = new Agent({ keepAlive: true, noDelay: true });
  return <T>(method: string, path: string, body?: unknown) =>
    new Promise<T>((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        authorization: `Bearer ${bearer}`,
        ...(text
          ? { "content-type": "application/json", "content-length": `${Buffer.byteLength(text)}` }
          : {}),
      };
      const where = { agent, port: apiPort, host: "127.0.0.1", method, path, headers };
      const asked = request(where, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part) => parts.push(part));
        response.on("end", () => {
          const answer = Buffer.concat(parts).toString();
          const { statusCode = 0 } = response;
          if (statusCode >= 300) reject(new Error(`${method} ${path}: ${statusCode} ${answer}`));
          else resolve(JSON.parse(answer) as T); // The bench says what it expects.
        });
        response.on("error", reject);
      });
      asked.on("error", reject);
      asked.end(text);
    });
}

/** A bench during which the manager complained has measured something else. */
async function showErrors(log: string): Promise<void> {
  const lines = (await readFile(log, "utf8")).split("\n");
  const errors = lines.filter((line) => /^\{"level":[56]0,/.test(line));
  for (const line of errors.slice(0, 3)) console.error(`the manager: ${line.slice(0, 1_500)}`);
}

async function launch(
  argv: readonly string[],
  log: string,
  env: Record<string, string>,
): Promise<ChildProcess> {
  const file = await open(log, "a");
  const child = spawn(process.execPath, [...flagsOf("manager"), ...argv], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", file.fd, file.fd],
  });
  await file.close();
  endings.push(() => end(pidOf(child), "SIGTERM"));
  return child;
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error("a process did not start");
  return pid;
}

async function end(pid: number, signal: NodeJS.Signals): Promise<void> {
  try {
    process.kill(pid, signal);
    for (let waited = 0; waited < 10_000; waited += 20) {
      process.kill(pid, 0);
      await sleep(20);
    }
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}
