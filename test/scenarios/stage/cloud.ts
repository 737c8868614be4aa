/**
 * A cloud for one bad day: real managers with a gate each to PostgreSQL, and stations for hosts.
 *
 * A manager that is killed does not come back by itself; the script says when.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { installOwner, sealWith, tokenOf } from "@holdfast/cloud/access/edge";
import { join } from "@holdfast/cloud/agent/edge";
import {
  type SimulatedStore,
  simulatedBlobs,
  simulatedDisks,
} from "@holdfast/drivers/images/simulated";
import { redfishPower } from "@holdfast/drivers/power/redfish";
import { type RedfishTwin, redfishTwin } from "@holdfast/drivers/power/simulated";
import type { WatchdogKind } from "@holdfast/drivers/watchdog";
import { httpWebhooks } from "@holdfast/drivers/webhook/http";
import type { Random } from "@holdfast/kernel/random";
import { milliseconds } from "@holdfast/kernel/time";
import { connectDatabase, type Database } from "@holdfast/store/database";
import {
  freePort,
  type MortalServer,
  startTestServer,
  testDatabase,
} from "@holdfast/store/testing";
import pino from "pino";
import { type Manager, startManager } from "../../../apps/manager/manager.ts";
import { putTinyImage } from "../../../apps/simulator/tiny-image.ts";
import { mintId } from "../../platform.ts";
import { newCable } from "./cable.ts";
import { type Gate, openGate } from "./gate.ts";
import { type Oracle, watchWorlds } from "./oracle.ts";
import { newPool, type Pool } from "./pool.ts";
import { type Sited, siteStation } from "./site.ts";
import { holding, tellTime, useTime } from "./time.ts";

export interface CloudOptions {
  readonly hosts?: number;
  readonly managers?: number;
  readonly bmc?: boolean;
  readonly watchdog?: WatchdogKind;
  /** The shared pool can cut a guest off. */
  readonly canRevoke?: boolean;
  readonly settings?: Readonly<Record<string, number | string>>;
  readonly memoryMiB?: number;
  /** A database server of its own, which can be killed. */
  readonly ownServer?: boolean;
}

export interface Cloud {
  readonly database: Database;
  readonly server: MortalServer | undefined;
  readonly stations: readonly Sited[];
  readonly managers: readonly Keep[];
  readonly pool: Pool;
  readonly bmc: RedfishTwin | undefined;
  readonly oracle: Oracle;
  call<T = never>(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: T }>;
  close(): Promise<void>;
}

/** One manager, through its lives. */
export interface Keep {
  readonly name: string;
  isUp(): boolean;
  isPaused(): boolean;
  start(): Promise<void>;
  kill(): void;
  pause(): void;
  resume(): void;
  /** Sets its steady clock forward, as a machine does that was suspended. */
  jump(duration: number): void;
  readonly api: string;
  readonly agents: string;
  close(): Promise<void>;
}

const key = { id: "HFOPERATOROFTHETESTS", secret: "operator-secret-of-the-tests" };
const platformKey = Buffer.alloc(32, "tests");
const token = tokenOf(key);

/** One that does not come up leaves nothing open: its process would be kept by it for ever. */
export async function openCloud(options: CloudOptions, random: Random): Promise<Cloud> {
  /** What closes each thing that is open, the latest last. */
  const closing: (() => unknown)[] = [useTime()];
  const close = async () => {
    for (let shut = closing.pop(); shut; shut = closing.pop()) await shut();
  };
  try {
    const cloud = await build(options, random, closing);
    return { ...cloud, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(
  options: CloudOptions,
  random: Random,
  closing: (() => unknown)[],
): Promise<Omit<Cloud, "close">> {
  const { hosts = 3, managers: count = 1, memoryMiB = 65_536 } = options;
  const log = pino({
    level: process.env.HOLDFAST_TEST_LOG ?? "silent",
    serializers: { error: pino.stdSerializers.err },
  });
  const server = options.ownServer ? await holding(() => startTestServer(true)) : undefined;
  if (server) closing.push(() => holding(() => server.stop()));
  const { url, drop } = await holding(() => openDatabase(server));
  if (!server) closing.push(() => holding(drop));
  const gate = await openGate(url);
  closing.push(gate.close);
  const database = connectDatabase({ url: gate.url });
  closing.push(() => database.close());
  const store: SimulatedStore = { files: new Map(), capacity: 2 ** 40 };
  const pool = await newPool(options.canRevoke);
  closing.push(pool.close);
  const names = Array.from({ length: hosts }, (_, index) => `host-${index + 1}`);
  const oracle = watchWorlds(names, database, (machine) => pool.isCutOff(machine));
  const managers: Keep[] = [];
  for (let index = 0; index < count; index++)
    managers.push(await newKeep({ name: `manager-${index + 1}`, url, store, log }));
  const addresses = managers.map(({ agents }) => agents);
  const stations: Sited[] = [];
  for (const name of names)
    stations.push(
      await siteStation({
        ...{ name, pool, log, memoryMiB, cpus: 64, managers: addresses },
        world: oracle.worldOf(name),
        cable: newCable(random),
        watchdog: options.watchdog ?? "simulated",
        async ensureBlob(digest, where, host) {
          const path = `${where === "local" ? "" : "/pools/shared"}/blobs/${digest}`;
          const bytes = store.files.get(`/blobs/${digest}`);
          if (bytes) host.pools.get(where)?.images.set(path, bytes.length);
          return path;
        },
      }),
    );
  const bmc = options.bmc
    ? await redfishTwin({
        machines: new Map(stations.map((station) => [station.name, station])),
        ...{ user: "holdfast", password: "secret" },
      })
    : undefined;
  if (bmc) closing.push(() => bmc.close());
  for (const manager of managers) closing.push(manager.close);
  for (const station of stations) closing.push(() => station.close());
  closing.push(oracle.close);
  await open();
  return {
    ...{ database, stations, managers, pool, bmc, oracle },
    server: server && { ...server, revive: () => holding(() => server.revive()) },
    call,
  };

  async function open(): Promise<void> {
    await installOwner(database, { name: "operator", key, seal: sealWith(platformKey), mintId });
    const tiny = await putTinyImage(simulatedBlobs(store));
    for (const [name, value] of Object.entries({
      "volumes.default_pool": "shared",
      ...options.settings,
    }))
      await database.query(
        "insert into setting (name, value, changed_by) values ($1, $2, 'test')",
        [name, JSON.stringify(value)],
      );
    for (const manager of managers) await manager.start();
    await expect(201, "POST", "/v1/images", tiny);
    for (const station of stations) {
      const asked = { hostName: station.name, minutes: 5 };
      const { body } = await call<{ token: string }>("POST", "/v1/join-tokens", asked);
      station.joined = await join(addresses[0] ?? "", body.token, station.name);
    }
    await Promise.all(stations.map((station) => station.on()));
    await ready();
    for (const { name } of bmc ? stations : [])
      await expect(200, "PUT", `/v1/hosts/${name}/bmc`, {
        ...{ url: `${bmc?.url}/redfish/v1/Systems/${name}`, user: "holdfast", password: "secret" },
      });
    oracle.open();
  }

  /** Every host is up, shows itself in the pool, and has a watchdog that counts. */
  async function ready(): Promise<void> {
    const wantDog = options.watchdog !== "none";
    for (let attempt = 0; attempt < 600; attempt++) {
      const rows = await database.query<{ count: number }>(
        `select count(*)::int as count from host h join host_lease l on l.host_id = h.id
         where h.state = 'up' and l.stamping_since is not null and ($1 = (l.watchdog is not null))`,
        [wantDog],
      );
      if (rows[0]?.count === hosts) {
        return;
      }
      await sleep(100);
    }
    throw new Error("the hosts do not come up");
  }

  async function expect(status: number, method: string, path: string, body: unknown) {
    const answer = await call(method, path, body);
    if (answer.status !== status)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  /** Any manager that can, until one has an answer that is not "not now". */
  async function call<T>(method: string, path: string, body?: unknown) {
    for (let attempt = 0; attempt < 400; attempt++) {
      const able = managers.filter((manager) => manager.isUp() && !manager.isPaused());
      const manager = able[attempt % Math.max(1, able.length)];
      const answer =
        manager && (await ask<T>(manager.api, method, path, body).catch(() => undefined));
      if (answer && answer.status !== 503) return answer;
      await sleep(50);
    }
    throw new Error(`no manager answers: ${method} ${path}`);
  }
}

/** A database of its own, which goes by our time. */
async function openDatabase(server: MortalServer | undefined) {
  const { url, drop } = server ? { url: server.url, drop: server.stop } : await testDatabase();
  const owner = connectDatabase({ url, connections: 1 });
  await tellTime(owner, new URL(url).pathname.slice(1));
  await owner.close();
  return { url, drop };
}

async function ask<T>(api: string, method: string, path: string, body?: unknown) {
  const json = body === undefined ? {} : { "content-type": "application/json" };
  const response = await fetch(`http://${api}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...json },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(5_000),
  });
  return { status: response.status, body: (await response.json()) as T }; // The scripts say what they expect.
}

async function newKeep({
  name,
  url,
  store,
  log,
}: {
  name: string;
  url: string;
  store: SimulatedStore;
  log: pino.Logger;
}): Promise<Keep> {
  const ports = { api: await freePort(), agents: await freePort() };
  const ending: Promise<void>[] = [];
  let life: { readonly manager: Manager; readonly gate: Gate } | undefined;
  let isPaused = false;
  let skew = 0;
  const keep: Keep = {
    name,
    api: `127.0.0.1:${ports.api}`,
    agents: `127.0.0.1:${ports.agents}`,
    isUp: () => life !== undefined,
    isPaused: () => isPaused,
    async start() {
      await Promise.all(ending);
      const gate = await openGate(url);
      const begun = startManager({
        name,
        databaseUrl: gate.url,
        databaseRole: "holdfast_manager",
        api: { address: "127.0.0.1", port: ports.api },
        agents: { address: "127.0.0.1", port: ports.agents, names: ["127.0.0.1"] },
        blobs: simulatedBlobs(store),
        disks: simulatedDisks(store),
        power: ({ url: address, user, password }) =>
          redfishPower({
            url: new URL(address).origin,
            system: address.split("/").at(-1) ?? "",
            ...{ user, password, ticks: () => performance.now(), sleep: (time) => sleep(time) },
            deadline: milliseconds(6_000),
            answerTime: milliseconds(2_000),
          }),
        webhooks: httpWebhooks(),
        download: async () => Promise.reject(new Error("the scenarios fetch nothing")),
        logDirectory: undefined,
        ticks: () => performance.now() + skew,
        mintId,
        platformKey,
        mintSecret: () => randomBytes(24).toString("base64url"),
        mintName: () => `vm-${randomBytes(4).toString("hex")}`,
        log: log.child({ manager: name }),
        version: "test",
      });
      // One that does not start leaves its gate behind, which would keep this process for ever.
      const manager = await begun.catch(async (error: unknown) => {
        await gate.close();
        throw error;
      });
      life = { manager, gate };
    },
    kill() {
      const dying = life;
      life = undefined;
      isPaused = false;
      if (!dying) return;
      dying.gate.sever();
      ending.push(dying.manager.close().then(() => dying.gate.close()));
    },
    pause() {
      isPaused = true;
      life?.gate.block();
    },
    resume() {
      isPaused = false;
      life?.gate.open();
    },
    jump(duration) {
      skew += duration;
    },
    async close() {
      const last = life;
      life = undefined;
      last?.gate.open();
      await last?.manager.close();
      await last?.gate.close();
      await Promise.all(ending);
    },
  };
  return keep;
}
