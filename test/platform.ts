/**
 * A whole platform in this process, for tests and benches: real managers on a real PostgreSQL, real links
 * over mutual TLS, and agents whose hypervisors and disks are simulated.
 *
 * Managers and agents can be closed and opened again at will; the hosts' worlds stay, as machines do.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { installOwner, sealWith, tokenOf } from "@holdfast/cloud/access/edge";
import { dialler, type Joined, join } from "@holdfast/cloud/agent/edge";
import { openMonitor } from "@holdfast/cloud/invariants/edge";
import {
  type SimulatedStore,
  simulatedBlobs,
  simulatedDisks,
} from "@holdfast/drivers/images/simulated";
import { simulatedBackups, simulatedStorage } from "@holdfast/drivers/volumes/simulated";
import { httpWebhooks } from "@holdfast/drivers/webhook/http";
import { type MintId, uuidV7 } from "@holdfast/kernel/ids";
import { forAllTests, freePort, testDatabase } from "@holdfast/store/testing";
import pino from "pino";
import { type Manager, type ManagerOptions, startManager } from "../apps/manager/manager.ts";
import { newHost, openAgent, type TestHost } from "../apps/simulator/hosts.ts";
import { putTinyImage } from "../apps/simulator/tiny-image.ts";
import { wallClock } from "../drivers/hypervisor/fixture-host.ts";

export type { TestHost } from "../apps/simulator/hosts.ts";
export { wallClock };
export const mintId: MintId = () => uuidV7(Date.now(), randomBytes(16)) as never; // Every kind of id is a UUID.
const key = { id: "HFOPERATOROFTHETESTS", secret: "operator-secret-of-the-tests" };
export const platformKey = Buffer.alloc(32, "tests");
const token = tokenOf(key);

export interface PlatformOptions {
  readonly managers?: number;
  readonly hosts?: number;
  readonly cpus?: number;
  readonly memoryMiB?: number;
  /** Use this database server and leave it alone afterwards. */
  readonly database?: {
    readonly url: string;
    query(text: string, values?: unknown[]): Promise<unknown>;
  };
  readonly logLevel?: string;
  /** Rows are written past the managers: nobody looks at the end whether everything holds. */
  readonly isMadeUp?: boolean;
  /** Shared pools that every host reaches; then their guards attest an armed watchdog and stamps in all of them. */
  readonly pools?: readonly string[];
  /** Managers answer over TLS as well. */
  readonly isOutside?: boolean;
  /** What switches hosts off from outside; they have nothing of that kind if absent. */
  readonly power?: ManagerOptions["power"];
}

export interface Platform {
  readonly databaseUrl: string;
  readonly database: Awaited<ReturnType<typeof testDatabase>>["database"];
  readonly hosts: readonly TestHost[];
  readonly managers: (Manager | undefined)[];
  readonly token: string;
  startManager(index: number): Promise<void>;
  stopManager(index: number): Promise<void>;
  startAgent(host: TestHost): Promise<void>;
  stopAgent(host: TestHost): Promise<void>;
  /** Through the API of any manager that is up. The body is parsed; any status is an answer. */
  call<T = never>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<T>>;
  close(): Promise<void>;
}

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

/** For all tests of a file; call it at its top. */
export const sharedPlatform = (options: PlatformOptions = {}) =>
  forAllTests(
    () => startPlatform(options),
    (platform) => platform.close(),
  );

export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const {
    managers: managerCount = 1,
    hosts: hostCount = 1,
    cpus = 64,
    memoryMiB = 65_536,
  } = options;
  const { database, url, drop } = await testDatabase();
  const log = pino({
    level: options.logLevel ?? process.env.HOLDFAST_TEST_LOG ?? "silent",
    serializers: { error: pino.stdSerializers.err },
  });
  const store: SimulatedStore = { files: new Map(), capacity: 2 ** 40 };
  const ports = await Promise.all(
    Array.from({ length: managerCount }, async () => ({
      api: await freePort(),
      ec2: await freePort(),
      agents: await freePort(),
    })),
  );
  const managers: (Manager | undefined)[] = [];
  await installOwner(database, { name: "operator", key, seal: sealWith(platformKey), mintId });
  const tiny = await putTinyImage(simulatedBlobs(store));

  const hosts = Array.from({ length: hostCount }, (_, index) => newHost(`host-${index + 1}`));
  const backups = simulatedBackups(wallClock);
  const shared = (options.pools ?? []).map((name) => [name, simulatedStorage()] as const);
  for (const host of hosts) {
    host.backups = backups;
    for (const [name, pool] of shared) host.pools.set(name, pool);
  }
  const platform: Platform = {
    databaseUrl: url,
    database,
    hosts,
    managers,
    token,
    async startManager(index) {
      const port = ports[index];
      if (!port) throw new Error(`no manager ${index}`);
      managers[index] = await startManager({
        name: `manager-${index + 1}`,
        databaseUrl: url,
        databaseRole: "holdfast_manager",
        api: { address: "127.0.0.1", port: port.api },
        ec2: { address: "127.0.0.1", port: port.ec2 },
        ...(options.isOutside && {
          outside: { address: "127.0.0.1", port: 0, names: ["localhost"] },
        }),
        agents: { address: "127.0.0.1", port: port.agents, names: ["127.0.0.1"] },
        blobs: simulatedBlobs(store),
        disks: simulatedDisks(store),
        power:
          options.power ??
          (() => {
            throw new Error("these hosts have no power controllers");
          }),
        webhooks: httpWebhooks(),
        download: async () => Promise.reject(new Error("the tests fetch nothing")),
        logDirectory: undefined,
        ticks: () => performance.now(),
        mintId,
        mintSecret: () => randomBytes(24).toString("base64url"),
        platformKey,
        mintName: () => `vm-${randomBytes(4).toString("hex")}`,
        log,
        version: "test",
      });
    },
    async stopManager(index) {
      await managers[index]?.close();
      managers[index] = undefined;
    },
    async startAgent(host) {
      const addresses = ports.map(({ agents }) => `127.0.0.1:${agents}`);
      host.joined ??= await enrol(platform, addresses, host.name);
      const ensureBlob = async (asked: string, pool: string) => {
        const bytes = store.files.get(`/blobs/${asked}`);
        if (bytes) host.pools.get(pool)?.images.set(`/blobs/${asked}`, bytes.length);
        return `/blobs/${asked}`;
      };
      const station = options.pools && {
        dial: dialler(addresses, host.joined),
        pools: options.pools,
        onRenewed: () => {},
        guard: () => ({
          watchdog: { kind: "simulated" as const, isArmed: true },
          stamped: [...(options.pools ?? [])],
        }),
        mayLaunchFenceable: () => true,
      };
      host.agent = await openAgent(host, {
        managers: addresses,
        cpus,
        memoryMiB,
        ensureBlob,
        log,
        ...(station && { station }),
      });
    },
    async stopAgent(host) {
      await host.agent?.close();
      host.agent = undefined;
    },
    call: (method, path, body, headers) => call(platform, method, path, body, headers),
    async close() {
      const broken = options.isMadeUp ? [] : await brokenRules(database);
      for (const host of platform.hosts) await platform.stopAgent(host);
      for (const index of managers.keys()) await platform.stopManager(index);
      await drop();
      if (broken.length > 0) throw new Error(`these rules are broken:\n${broken.join("\n")}`);
    },
  };
  for (let index = 0; index < managerCount; index++) await platform.startManager(index);
  await call(platform, "POST", "/v1/images", tiny);
  for (const host of platform.hosts) await platform.startAgent(host);
  await until("every host is up", async () => {
    const { body } = await call<{ hosts: { state: string }[] }>(platform, "GET", "/v1/hosts");
    return body.hosts.length === hostCount && body.hosts.every(({ state }) => state === "up");
  });
  return platform;
}

/**
 * Whatever a test has done to it: what always holds does. Nobody says that something is late, because a test may
 * have had all managers stopped for a while.
 */
async function brokenRules(database: Platform["database"]): Promise<readonly string[]> {
  const monitor = openMonitor(database, { now: wallClock.now, awakeSince: () => undefined });
  const violations = await monitor.look({ everything: true });
  return violations.map(({ rule, name, says }) => `${rule}: ${name}: ${says}`);
}

async function enrol(
  platform: Platform,
  managers: readonly string[],
  name: string,
): Promise<Joined> {
  const { body } = await call<{ token: string }>(platform, "POST", "/v1/join-tokens", {
    hostName: name,
    minutes: 5,
  });
  return join(managers[0] ?? "", body.token, name);
}

async function call<T>(
  platform: Platform,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer<T>> {
  const manager = platform.managers.find((one) => one !== undefined);
  const json = body === undefined ? {} : { "content-type": "application/json" };
  const response = await fetch(`http://127.0.0.1:${manager?.apiPort}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...json, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as T }; // The tests say what they expect.
}

/** Waits for a condition, and says which one it was if it never comes true. */
export async function until(
  what: string,
  isSo: () => Promise<boolean> | boolean,
  patience = 30_000,
): Promise<void> {
  const end = performance.now() + patience;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`never came true: ${what}`);
    await sleep(10);
  }
}
