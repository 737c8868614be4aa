/**
 * A whole cloud on a seed: managers, hosts with their guards and agents, power controllers, a shared pool and
 * PostgreSQL, in one process and in the world's time.
 *
 * What a newcomer would get wrong: order of making matters, because everything draws from the seed.
 */
import { Readable } from "node:stream";
import { installOwner, sealWith, tokenOf } from "@holdfast/cloud/access/edge";
import type { SimulatedMachine } from "@holdfast/drivers/hypervisor/simulated";
import { type SimulatedStore, simulatedBlobs } from "@holdfast/drivers/images/simulated";
import {
  type SimulatedBackups,
  simulatedBackups,
  simulatedStorage,
} from "@holdfast/drivers/volumes/simulated";
import type { HostId } from "@holdfast/kernel/ids";
import type { Random } from "@holdfast/kernel/random";
import type { Sql } from "@holdfast/store/database";
import type pg from "pg";
import { type Backends, openBackends, type Statement } from "./backends.ts";
import { type Cable, newCable } from "./cable.ts";
import { beginChance, drawn, mintId, stream } from "./chance.ts";
import { wallClock } from "./clock.ts";
import type { Server } from "./connections.ts";
import { newGuardDoor } from "./guard-door.ts";
import { type Judge, newJudge } from "./judge.ts";
import {
  type Answer,
  type ApiCall,
  fingerprintOf,
  type Keep,
  newKeep,
  platformKey,
} from "./keep.ts";
import { type Memo, newMemo } from "./memo.ts";
import { type Channel, newChannel } from "./news.ts";
import { simulatedWays, type Ways } from "./passages.ts";
import type { Points } from "./points.ts";
import { type PowerBox, simulatedPower } from "./power.ts";
import type { Databases } from "./server.ts";
import { newMount } from "./stamps.ts";
import { newStation, type Station } from "./station.ts";
import type { Story } from "./story.ts";
import { after, beginTime, live, sleepFor } from "./time.ts";
import { putTinyImage } from "./tiny-image.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly managers: number;
  readonly settings?: Readonly<Record<string, number | string>>;
  /** Ask PostgreSQL again what is remembered, and tell if that is no longer so. */
  readonly doubts?: boolean;
  /** Where processes may be made to end. */
  readonly points?: Points;
}

export interface Site {
  readonly station: Station;
  readonly cable: Cable;
  readonly power: PowerBox;
}

export interface World {
  readonly sites: readonly Site[];
  readonly managers: readonly Keep[];
  readonly server: Server;
  readonly channel: Channel;
  readonly backends: Backends;
  readonly judge: Judge;
  readonly pool: ReturnType<typeof simulatedStorage>;
  /** Of images, at the managers. */
  readonly store: SimulatedStore;
  readonly backups: SimulatedBackups;
  readonly ways: Ways;
  /** Hosts that do nothing at all now. */
  readonly still: Set<string>;
  readonly story: Story;
  /** From outside, while the world stands still. */
  readonly sql: Sql;
  /** PostgreSQL goes away for so long. */
  crashServer(downtime: number): void;
  /** By any manager that can, until one has an answer that is not "not now". */
  call(request: ApiCall): Promise<Answer>;
  close(): Promise<void>;
}

const key = { id: "HFOPERATOROFTHEWORLD", secret: "operator-secret-of-the-simulator" };
const token = tokenOf(key);
const poolName = "shared";

/** `onCommit`: these tables have changed. */
export async function openWorld(
  options: WorldOptions,
  databases: Databases,
  story: Story,
  onCommit: (tables: readonly string[]) => void = () => {},
): Promise<World> {
  beginTime();
  beginChance(options.seed);
  const randomOf = (name: string) => stream(options.seed, name);
  const { url, drop } = await databases.open();
  const backends = await openBackends(url, "holdfast_manager", (statement) => {
    databases.tell();
    if (statement) story.mark(statement.text + JSON.stringify(marked(statement)));
  });
  const channel = newChannel(randomOf("news"));
  const memo = await memoOf(backends);
  const server: Server = {
    ...{ backends, memo, isUp: true, locks: new Set() },
    doubt: options.doubts ? doubt : (_, known) => known,
    open: new Set(),
    onNotify: channel.notify,
    onCommit,
    ...(options.points && { points: options.points }),
  };
  const sql: Sql = {
    async query<Row extends object>(text: string, values?: readonly unknown[]) {
      const statement = { text, ...(values && { values: [...values] }) };
      memo.changed(memo.writesOf(text));
      const known = memo.recall(statement) ?? (await backends.look<Row>(text, values));
      memo.remember(statement, known);
      return known.rows as Row[]; // As whoever asks says.
    },
  };
  const store: SimulatedStore = { files: new Map(), capacity: 2 ** 40 };
  const pool = {
    ...simulatedStorage(),
    abilities: { isShared: true, canRevoke: false, isLive: false },
  };
  const isCutOff = ({ spec: { id, generation } }: SimulatedMachine) =>
    pool.cuts.some((cut) => cut.instance === id && cut.generation === generation);
  const names = Array.from({ length: options.hosts }, (_, index) => `host-${index + 1}`);
  const still = new Set<string>();
  const judge = newJudge({
    ...{ hosts: names, isCutOff, accuse: story.accuse, tell: story.tell },
    isStill: (host) => still.has(host),
  });
  const sites: Site[] = [];
  const managers = Array.from({ length: options.managers }, (_, index) => {
    const random = randomOf(`manager ${index}`);
    return newKeep({
      ...{ name: `manager-${index + 1}`, server, channel, store, token, random, log: story.log },
      drift: driftOf(random),
      power({ url: address }) {
        const box = sites.find(({ station }) => address.endsWith(`/${station.name}`))?.power;
        if (!box) throw new Error(`no power controller at ${address}`);
        return simulatedPower(box);
      },
      onBug: (error, what) =>
        story.accuse(`${what}: ${error instanceof Error ? error.stack : error}`),
    });
  });
  const ways = simulatedWays();
  const stamps = new Map<string, string>();
  const backups = simulatedBackups(wallClock);
  for (const name of names) sites.push(await newSite(name));

  const world: World = {
    ...{
      sites,
      managers,
      server,
      channel,
      backends,
      judge,
      pool,
      store,
      backups,
      ways,
      still,
      story,
      sql,
    },
    crashServer,
    call,
    async close() {
      for (const manager of managers) manager.close();
      for (const { station } of sites) await station.close();
      await backends.close();
      await drop();
    },
  };
  await begin();
  return world;

  async function newSite(name: string): Promise<Site> {
    const addresses = managers.map(({ address }) => address);
    const find = (address: string) =>
      managers.find((manager) => manager.address === address)?.door();
    const cable = newCable(randomOf(`cable ${name}`), addresses, find);
    const drift = driftOf(randomOf(`clock ${name}`));
    const steady = () => performance.now() * drift;
    const station = await newStation({
      steady,
      ...(options.points && { points: options.points }),
      ...{ name, ways, log: story.log, memoryMiB: 65_536, cpus: 64, managers: addresses },
      world: judge.worldOf(name),
      pool: { name: poolName, directory: "/pools/shared", storage: pool },
      mount: newMount(stamps),
      dial: ({ host }) => cable.dial(fingerprintOf(host)),
      askManager: (address, renewal, { host }) => cable.ask(fingerprintOf(host), address, renewal),
      guardDoor: newGuardDoor(steady),
      watchdog: "simulated",
      async ensureBlob(digest, where, host) {
        const path = `${where === "local" ? "" : "/pools/shared"}/blobs/${digest}`;
        const bytes = store.files.get(`/blobs/${digest}`);
        if (bytes) host.pools.get(where)?.images.set(path, bytes.length);
        return path;
      },
      async publish(write) {
        const path = `/leaving/${drawn(8).toString("hex")}`;
        await write(path);
        const images = [...station.pools.values()].map(({ images }) => images);
        const virtualBytes = images.map((each) => each.get(path)).find((bytes) => bytes) ?? 0;
        for (const each of images) each.delete(path);
        const { digest, bytes } = await simulatedBlobs(store).put(
          Readable.from([Buffer.alloc(4_096, path)]),
        );
        return { digest, bytes, virtualBytes };
      },
    });
    station.backups = backups;
    return { station, cable, power: { mood: "well", machine: station } };
  }

  async function doubt(statement: Statement, known: pg.QueryResult): Promise<pg.QueryResult> {
    const backend = await backends.acquire(statement);
    const truth = await backends.run(backend, statement);
    backends.release(backend);
    const [is, was] = [JSON.stringify(truth.rows), JSON.stringify(known.rows)];
    if (is !== was && !statement.text.includes("clock_timestamp"))
      story.accuse(`remembered ${was}, and it is ${is}: ${statement.text}`);
    return known;
  }

  function crashServer(downtime: number): void {
    story.tell("postgresql", `is gone for ${downtime} ms`);
    server.isUp = false;
    channel.break();
    for (const connection of [...server.open]) connection.break("server");
    after(downtime, () => {
      server.isUp = true;
      story.tell("postgresql", "is back");
    });
  }

  /** From nothing to hosts that are up and guarded. */
  async function begin(): Promise<void> {
    let isReady = false;
    const work = prepare().then(() => {
      isReady = true;
    });
    work.catch(() => {
      isReady = true;
    });
    await live(() => isReady);
    await work;
  }

  async function prepare(): Promise<void> {
    const tiny = await putTinyImage(simulatedBlobs(store));
    await installOwner(sql, { name: "operator", key, seal: sealWith(platformKey), mintId });
    const settings = { "volumes.default_pool": poolName, ...options.settings };
    for (const [name, value] of Object.entries(settings))
      await sql.query("insert into setting (name, value, changed_by) values ($1, $2, 'world')", [
        name,
        JSON.stringify(value),
      ]);
    for (const manager of managers) manager.start();
    while (!managers.every((manager) => manager.isUp())) await sleepFor(10);
    for (const { station } of sites) await enrol(station);
    await expect(201, "POST", "/v1/images", tiny);
    for (const { station } of sites) await station.on();
    while (!(await areUp())) await sleepFor(100);
    for (const { station } of sites)
      await expect(200, "PUT", `/v1/hosts/${station.name}/bmc`, {
        url: `https://bmc/redfish/v1/Systems/${station.name}`,
        ...{ user: "holdfast", password: "secret" },
      });
  }

  /** As enrolment does it, without the ceremony of certificates. */
  async function enrol(station: Station): Promise<void> {
    const host: HostId = mintId();
    await sql.query(
      `insert into host (id, name, cluster, state, mode, created_at) values ($1, $2, 'default', 'suspect', 'enabled', now())`,
      [host, station.name],
    );
    await sql.query(
      "insert into host_certificate (fingerprint, host_id, expires_at) values ($1, $2, now() + interval '1 year')",
      [fingerprintOf(host), host],
    );
    station.joined = { host, name: station.name, certificate: "", key: "", authority: "" };
  }

  async function areUp(): Promise<boolean> {
    const [row] = await sql.query<{ count: number }>(
      `select count(*)::int as count from host h join host_lease l on l.host_id = h.id
       where h.state = 'up' and l.stamping_since is not null and l.watchdog is not null`,
    );
    return row?.count === options.hosts;
  }

  async function expect(status: number, method: string, path: string, body: unknown) {
    const answer = await call({ method, path, body });
    if (answer.status !== status)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  async function call(request: ApiCall): Promise<Answer> {
    for (let attempt = 0; attempt < 600; attempt++) {
      const able = managers.filter((manager) => manager.isUp());
      const manager = able[attempt % Math.max(1, able.length)];
      const answer = await Promise.race([
        manager?.call(request).catch(() => undefined),
        sleepFor(5_000),
      ]);
      if (answer && answer.status !== 503) return answer;
      await sleepFor(100);
    }
    throw new Error(`no manager answers: ${request.method} ${request.path}`);
  }
}

/** Clocks run apart by up to 200 parts in a million, as bad quartz does. */
const driftOf = (random: Random) => 1 + (random.below(401) - 200) / 1_000_000;

/** Numbers of transactions go on from world to world. */
const marked = ({ text, values = [] }: Statement) => (text.includes("xid8") ? [] : values);

/** With the tables that there are, and those that lose rows with them or that their triggers write to. */
async function memoOf(backends: Backends): Promise<Memo> {
  const { rows: tables } = await backends.look<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'public' order by 1",
  );
  const { rows: cascades } = await backends.look<{ name: string; with: string }>(
    `select confrelid::regclass::text as name, conrelid::regclass::text as "with"
     from pg_constraint where contype = 'f' and confdeltype <> 'a'
     union select t.tgrelid::regclass::text, w.tablename from pg_trigger t join pg_proc f on f.oid = t.tgfoid
       join pg_tables w on w.schemaname = 'public' and f.prosrc ~ ('\\minto ' || w.tablename || '\\M')
     where not t.tgisinternal order by 1, 2`,
  );
  const byTable = new Map<string, string[]>();
  for (const { name, with: other } of cascades)
    byTable.set(name, [...(byTable.get(name) ?? []), other]);
  return newMemo(new Set(tables.map(({ name }) => name)), byTable);
}
