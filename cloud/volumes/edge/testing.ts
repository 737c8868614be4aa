/**
 * Managers that know of nothing but volumes, on a real database, for the tests of this folder. Hosts are rows,
 * and what they would say is said by the tests.
 *
 * They work in the manager's role, so a grant that is missing shows here. Every refusal is held to what its route
 * declares.
 */
import assert from "node:assert/strict";
import { sealWith } from "@holdfast/cloud/access/edge";
import type { StorageResult, StorageTask } from "@holdfast/cloud/hosts";
import { type Settings, settingsFrom } from "@holdfast/cloud/settings";
import type { HostId, InstanceId, ProjectId, VolumeId } from "@holdfast/kernel/ids";
import { type Asking, asking, countedIds } from "@holdfast/kernel/testing";
import type { Instant } from "@holdfast/kernel/time";
import { connectDatabase, type Database } from "@holdfast/store/database";
import { testDatabase } from "@holdfast/store/testing";
import { type VolumeKeys, volumeKeys } from "./keys.ts";
import { recordResults } from "./results.ts";
import { round } from "./round.ts";
import { volumeRoutes } from "./routes.ts";
import { tasksOf } from "./tasks.ts";

type Routes = ReturnType<typeof volumeRoutes>;
type Said = Partial<StorageResult>;

export interface Depot extends Asking<Routes> {
  readonly database: Database;
  readonly project: ProjectId;
  readonly other: ProjectId;
  /** What was set; the rest is as by default. */
  readonly set: Map<string, unknown>;
  readonly hosts: { readonly h1: HostId; readonly h2: HostId };
  now(): Instant;
  /** Milliseconds. */
  pass(time: number): void;
  /** Nobody can open the keys of volumes any more, or everybody again. */
  loseKeys(areLost: boolean): void;
  /** Hosts whose wishes were to be told again, since the last call. */
  told(): readonly HostId[];
  /** One round of the manager. */
  round(): Promise<void>;
  /** What a host is told to do. */
  tasks(host: HostId): Promise<readonly StorageTask[]>;
  /** What a host says came of it; by default that it is done. */
  says(host: HostId, task: StorageTask | undefined, said?: Said): Promise<readonly string[]>;
  /** Rounds, and everything done at once, until nothing is left to do. */
  settle(facts?: (task: StorageTask) => Said): Promise<readonly string[]>;
  /** A row for an instance with a root volume, on this host if it runs. */
  instance(
    name: string,
    at?: { readonly home?: HostId; readonly disk?: HostId },
  ): Promise<InstanceId>;
  /** As its host would have it. */
  place(instance: InstanceId, home: HostId | undefined): Promise<void>;
  counts(): Promise<Readonly<Record<string, number>>>;
}

const mintId = countedIds();

export async function openDepot() {
  const { url, drop } = await testDatabase();
  const database = connectDatabase({ url, role: "holdfast_manager" });
  const project = await insertProject(database, "default");
  const other = await insertProject(database, "other");
  const hosts = { h1: await insertHost(database, "h1"), h2: await insertHost(database, "h2") };
  const set = new Map<string, unknown>([["backups.place", "/backups"]]);
  let now = 1_763_719_200_000 as Instant; // 2025-11-21T10:00:00Z.
  let heard: HostId[] = [];
  const clock = { now: () => now, sleep: async () => {} };
  const self = "manager-1";
  const sealed = volumeKeys(sealWith(Buffer.alloc(32, 1)), mintId, () => "a-secret");
  let areLost = false;
  const keys: VolumeKeys = {
    ...sealed,
    open(text) {
      if (areLost) throw new Error("sealed with another platform key");
      return sealed.open(text);
    },
  };
  const routes = volumeRoutes({
    ...{ database, clock, mintId, self, keys },
    settings: (): Settings => settingsFrom(set),
    onChanged: (_, told) => {
      heard.push(...told);
    },
  });

  const depot: Depot = {
    ...{ database, project, other, set, hosts, ...asking(routes, project) },
    now: () => now,
    loseKeys(lost) {
      areLost = lost;
    },
    pass(time) {
      now = (now + time) as Instant; // An instant and a length of time.
    },
    told() {
      const told = heard;
      heard = [];
      return told;
    },
    round: async () => {
      const checkInterval = () => settingsFrom(set)["volumes.check_interval"];
      await round({ database, now: clock.now, mintId, self, checkInterval });
    },
    tasks: async (host) => (await tasksOf(database, [host])).get(host) ?? [],
    async says(host, task, said = {}) {
      assert.ok(task, "there is such a task");
      const result: StorageResult = { id: task.id, is: "done", at: now, ...said };
      return (await recordResults({ database, now: clock.now, self }, host, [result])).ids;
    },
    async settle(facts = () => ({})) {
      const done: string[] = [];
      for (;;) {
        await depot.round();
        const all = await tasksOf(database, Object.values(hosts));
        if (all.size === 0) return done;
        for (const [host, tasks] of all)
          for (const task of tasks) {
            done.push(task.do);
            await depot.says(host, task, facts(task));
          }
      }
    },
    instance: (name, at = {}) => insertInstance(depot, name, at),
    async place(instance, home) {
      await database.query(
        `update instance set home = $2, state = $3, generation = generation + 1, version = version + 1 where id = $1`,
        [instance, home ?? null, home ? "running" : "stopped"],
      );
      if (home)
        await database.query(
          `insert into incarnation (instance_id, generation, host_id, host_epoch, phase, asked_at)
           select id, generation, $2, 1, 'running', now() from instance where id = $1`,
          [instance, home],
        );
    },
    counts: async () => {
      const [row] = await database.query<Record<string, number>>(`select ${countsOf.join(", ")}`);
      return row ?? {};
    },
  };
  return Object.assign(depot, {
    async close() {
      await database.close();
      await drop();
    },
  });
}

const tables = ["attachment", "snapshot", "backup", "backup_schedule", "storage_task"];
const countsOf = [
  "(select count(*)::int from volume where state <> 'expunged') as volume",
  ...tables.map((table) => `(select count(*)::int from ${table}) as ${table}`),
];

async function insertProject(database: Database, name: string): Promise<ProjectId> {
  const id = mintId<"Project">();
  await database.query("insert into project (id, name) values ($1, $2)", [id, name]);
  return id;
}

/** Reaches the shared pool `fast`. */
async function insertHost(database: Database, name: string): Promise<HostId> {
  const id = mintId<"Host">();
  await database.query("insert into zone (name) values ('z') on conflict do nothing");
  await database.query("insert into pod (name, zone) values ('p', 'z') on conflict do nothing");
  await database.query("insert into cluster (name, pod) values ('c', 'p') on conflict do nothing");
  await database.query(
    `insert into host (id, name, cluster, state, mode, pools) values ($1, $2, 'c', 'up', 'enabled', '{fast}')`,
    [id, name],
  );
  return id;
}

async function insertInstance(
  { database, project, place }: Depot,
  name: string,
  { home, disk = home }: { readonly home?: HostId; readonly disk?: HostId },
): Promise<InstanceId> {
  const [image, volume, instance] = [
    mintId<"Image">(),
    mintId<"Volume">() as VolumeId,
    mintId<"Instance">() as InstanceId,
  ] as const;
  await database.query(
    "insert into image (id, name, state, source) values ($1, $2, 'ready', 'built')",
    [image, `of-${image}`],
  );
  await database.query(
    `insert into volume (id, project_id, image_id, state, size_bytes, host_id, created_at)
     values ($1, $2, $3, $4, 1073741824, $5, now())`,
    [volume, project, image, disk ? "ready" : "allocated", disk ?? null],
  );
  await database.query(
    `insert into instance (id, project_id, name, type, cpus, memory_mib, image_id, volume_id,
       created_at, desired, state, request_id)
     values ($1, $2, $3, 'tiny', 1, 128, $4, $5, now(), 'stopped', 'stopped', 'req-0')`,
    [instance, project, name, image, volume],
  );
  if (home) await place(instance, home);
  return instance;
}
