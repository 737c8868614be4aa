/** Disks that come and go, and tasks: whatever an agent is in the middle of when it is killed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type MachineReport,
  type StorageResult,
  type StorageTask,
  sealedMark,
  type Wish,
  type WishedDisk,
} from "@holdfast/cloud/hosts";
import { simulatedHypervisor, simulatedWorld } from "@holdfast/drivers/hypervisor/simulated";
import type { Digest } from "@holdfast/drivers/images";
import type { PoolAbilities } from "@holdfast/drivers/volumes";
import {
  backing,
  simulatedBackups,
  simulatedPool,
  simulatedStorage,
} from "@holdfast/drivers/volumes/simulated";
import type { ImageId, InstanceId, ProjectId, VolumeId } from "@holdfast/kernel/ids";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { diskKeeper } from "./disks.ts";
import { keeper } from "./keeper.ts";
import { memoryLoans } from "./loans.ts";
import { noPassage } from "./passage.ts";
import { memoryShelf } from "./shelf.ts";
import { poolSpeeds } from "./speeds.ts";
import { storekeeper } from "./storekeeper.ts";

const clock: Clock = { now: () => Date.now() as Instant, sleep: (d) => sleep(d) };
const instance = "01890000-0000-7000-8000-000000000001" as InstanceId;
const idOf = (n: number) => `01890000-0000-7000-8000-0000000000${n}`;
const volumeOf = (n: number) => idOf(n) as VolumeId;
const [root, data, far, scratch, copy] = [20, 21, 22, 23, 24].map(volumeOf) as [
  ...[VolumeId, VolumeId, VolumeId, VolumeId, VolumeId],
];
const MiB = 1 << 20;
const quiet = { acpi: 0, terminate: 100, kill: 100 };

const disk = (volume: VolumeId, more: Partial<WishedDisk> = {}): WishedDisk => ({
  ...{ volume, pool: "local", bytes: 8 * MiB, kind: "data", origin: "blank", limits: null },
  ...more,
});
const rootDisk = disk(root, { kind: "root", origin: "image" });
let version = 0;
const wishFor = (disks: readonly WishedDisk[], generation = 1): Wish => ({
  ...{ instance, version: ++version, epoch: 1, generation, want: "running", wasRunning: false },
  ...{ reboots: 0, rebootGrace: 0, ladder: quiet, requestId: "r" },
  spec: {
    ...{ name: "web", project: "p" as ProjectId, type: "tiny", imageId: "i" as ImageId },
    ...{ cpus: 1, memoryMiB: 128, nics: [], userData: null, lastDeath: null, startPaused: false },
    ...{ metadata: "on" as const, metadataTokens: "optional" as const },
    disks: [...disks],
    bootTimeout: 10_000,
    image: {
      disk: { digest: `sha256:${"0".repeat(64)}`, format: "raw", virtualBytes: 4_096 },
      saysReady: true,
      smallestMemoryMiB: 64,
    },
  },
});
const end = (): Wish => ({ ...wishFor([rootDisk]), want: "stopped", spec: null });

type Asked = StorageTask extends infer T
  ? T extends StorageTask
    ? Omit<T, "id" | "pool"> & { readonly pool?: string }
    : never
  : never;
let tasks = 30;
const task = (asked: Asked): StorageTask =>
  ({ pool: "local", ...asked, id: idOf(++tasks) }) as StorageTask; // What is missing was just added.

/** A host whose agents are killed at the call that `dieAt` names, and come back. */
function host(dieAt = Number.POSITIVE_INFINITY) {
  const world = simulatedWorld();
  const local = simulatedStorage(2 ** 40);
  const shared = simulatedStorage(2 ** 40);
  world.backing = backing(() => [local, shared]);
  local.images.set("/blob", 4_096);
  const [shelf, loans, backups] = [memoryShelf(), memoryLoans(), simulatedBackups(clock)];
  const machines: MachineReport[] = [];
  const results: StorageResult[] = [];
  const published: string[] = [];
  let calls = 0;
  let agent = Promise.resolve().then(open);
  let bury = () => {};
  const died: string[] = [];
  let wish: Wish | undefined;
  let listed: readonly StorageTask[] = [];

  return {
    ...{ world, local, shared, loans, backups, machines, results, published },
    calls: () => calls,
    died,
    version: () => wish?.version,
    wish(asked: Wish) {
      wish = asked;
      void agent.then(({ keeper: kept }) => kept.hear([asked], []));
    },
    list(asked: readonly StorageTask[]) {
      listed = asked;
      void agent.then(({ store }) => store.hear(asked, "/backups"));
    },
    async close() {
      await agent;
      bury();
    },
  };

  async function open() {
    const life = { isOver: false };
    const glass = <T extends object>(target: T, name: string): T =>
      new Proxy(target, {
        get(object, key) {
          const value: unknown = Reflect.get(object, key);
          if (typeof value !== "function" || key === "list" || key === "onEvent") return value;
          return (...args: unknown[]) => {
            if (life.isOver) return new Promise(() => {});
            const result: unknown = Reflect.apply(value, object, args);
            if (!(result instanceof Promise)) return result;
            // It is killed when this has been done, and before it hears of it.
            if (++calls === dieAt) die(`${name}.${String(key)}`);
            const lost = new Promise(() => {});
            return result.then(
              (answer) => (life.isOver ? lost : answer),
              (error) => (life.isOver ? lost : Promise.reject(error)),
            );
          };
        },
      });
    const die = (where: string) => {
      life.isOver = true;
      died.push(where);
      bury();
      agent = Promise.resolve().then(open);
    };
    const driver = simulatedHypervisor(world, clock);
    const hypervisor = glass(driver, "hypervisor");
    const own: PoolAbilities = { isShared: false, canRevoke: false, isLive: false };
    const live: PoolAbilities = { isShared: true, canRevoke: true, isLive: true };
    const pools = {
      local: glass(simulatedPool(local, clock, own), "local"),
      shared: glass(simulatedPool(shared, clock, live), "shared"),
    };
    const storage = {
      pools: [],
      pool: async (name: string) => (name === "local" ? pools.local : pools.shared),
      ensureBlob: async () => "/blob",
      backups: () => glass(backups.open(), "backups"),
      async publish(write: (file: string) => Promise<void>) {
        await write("/out");
        published.push("/out");
        const digest: Digest = `sha256:${"1".repeat(64)}`;
        return { digest, bytes: 1, virtualBytes: local.images.get("/out") ?? 0 };
      },
    };
    const log = () => {};
    const speeds = poolSpeeds({ storage, clock, log });
    const disks = diskKeeper({ hypervisor, storage, loans: glass(loans, "loans"), speeds, log });
    const kept = keeper({
      ...{ hypervisor, disks, storage, clock, log },
      networks: { ready: async () => new Map() },
      hasLease: () => true,
      passage: noPassage,
      ticks: () => performance.now(),
      onMigration: () => {},
      shelf: glass(shelf, "shelf"),
      onReport: (more) => void (life.isOver || machines.push(...more)),
    });
    const store = storekeeper({
      ...{ hypervisor, storage, disks, clock, log },
      giveBack: kept.giveBack,
      onResults: (more) => void (life.isOver || results.push(...more)),
    });
    bury = () => {
      kept.close();
      store.close();
      void driver.close();
    };
    const opened = { keeper: kept, store };
    await kept.open();
    // What managers say to whoever connects: everything.
    if (wish) await kept.hear([wish], []);
    store.hear(listed, "/backups");
    return opened;
  }
}

const until = async (what: string, isSo: () => boolean | Promise<boolean>) => {
  const late = performance.now() + 10_000;
  while (!(await isSo())) {
    assert.ok(performance.now() < late, `never came true: ${what}`);
    await sleep(2);
  }
};

type Host = ReturnType<typeof host>;
const attached = ({ machines }: Host) =>
  (machines.findLast(({ disks }) => disks)?.disks ?? [])
    .filter(({ is }) => is === "attached")
    .map(({ volume }) => volume);
const fits = (on: Host, volumes: readonly VolumeId[]) =>
  until(`it has ${volumes.length} disks`, () => {
    const { disks, disksOf } = on.machines.findLast((each) => each.disks) ?? {};
    const same = JSON.stringify(attached(on).toSorted()) === JSON.stringify(volumes.toSorted());
    return same && disks?.length === volumes.length && disksOf === on.version();
  });
async function done(on: Host, asked: Asked): Promise<StorageResult> {
  const one = task(asked);
  on.list([one]);
  let result: StorageResult | undefined;
  await until(`${asked.do} is over`, () => {
    result = on.results.find(({ id }) => id === one.id);
    return result !== undefined;
  });
  assert.ok(result);
  on.list([]);
  return result;
}

/** All that can be done with volumes, one after the other. */
async function story(on: Host): Promise<void> {
  const limits = { iops: 100 };
  await done(on, { do: "make", volume: data, bytes: 8 * MiB });
  await done(on, { do: "make", volume: far, pool: "shared", bytes: 8 * MiB });
  on.wish(wishFor([rootDisk, disk(scratch, { kind: "ephemeral" })]));
  await fits(on, [root, scratch]);
  const all = [
    rootDisk,
    disk(data, { limits }),
    disk(far, { pool: "shared" }),
    disk(scratch, { kind: "ephemeral" }),
  ];
  on.wish(wishFor(all));
  await fits(on, [root, data, far, scratch]);
  on.wish(wishFor(all.map((each) => ({ ...each, bytes: 16 * MiB }))));
  await fits(on, [root, data, far, scratch]);
  const beside = [{ volume: far, pool: "shared" }];
  const how = { beside, freeze: true, atMost: 1_000 };
  assert.equal((await done(on, { do: "snapshot", volume: data, name: "one", ...how })).is, "done");
  assert.equal(
    (await done(on, { do: "restore", volume: copy, from: data, snapshot: "one" })).is,
    "done",
  );
  assert.equal((await done(on, { do: "extract", volume: data, snapshot: "one" })).is, "done");
  assert.equal((await done(on, { do: "backup", volume: data, backup: "b1" })).is, "done");
  const second = await done(on, { do: "backup", volume: data, backup: "b2", since: "b1" });
  assert.equal(second.result?.since, "b1");
  for (const [volume, pool] of [
    [data, "local"],
    [far, "shared"],
  ] as const)
    assert.equal((await done(on, { do: "remove-snapshot", volume, pool, name: "one" })).is, "done");
  on.wish(wishFor([rootDisk, disk(scratch, { kind: "ephemeral", bytes: 16 * MiB })]));
  await fits(on, [root, scratch]);
  on.wish(end());
  await until("it has ended", () => on.machines.some(({ phase }) => phase === "exited"));
  await until("all is given back", async () => (await on.loans.load()).length === 0);
}

function assertNothingIsLeft(on: Host, about: string): void {
  const open = [on.local, on.shared].flatMap(({ volumes }) =>
    [...volumes].filter(([, { exports }]) => exports.openers.length > 0),
  );
  assert.deepEqual(open, [], about);
  assert.deepEqual([...on.local.volumes.keys()].toSorted(), [root, data, copy].toSorted(), about);
  assert.deepEqual([...on.shared.volumes.keys()], [far], about);
  assert.equal(on.local.volumes.get(data)?.bytes, 16 * MiB, about);
  assert.equal(on.shared.volumes.get(far)?.bytes, 16 * MiB, about);
  for (const volume of [on.local.volumes.get(data), on.shared.volumes.get(far)])
    assert.deepEqual(volume?.snapshots, [], about);
  assert.equal([...on.world.machines.values()].filter(({ exit }) => !exit).length, 0, about);
}

test("disks come, grow, are copied and go, and nothing is left open", async () => {
  const on = host();
  await story(on);
  assertNothingIsLeft(on, "undisturbed");
  await on.close();
});

test("an agent that is killed after any one of its calls goes on, and nothing is left open", async () => {
  const undisturbed = host();
  await story(undisturbed);
  const calls = undisturbed.calls();
  await undisturbed.close();
  assert.ok(calls > 50, `${calls} calls`);
  const killedAt = async (dieAt: number) => {
    const on = host(dieAt);
    await story(on).catch((error) => {
      throw new Error(`killed after call ${dieAt}, ${on.died}`, { cause: error });
    });
    assert.equal(on.died.length, 1);
    assertNothingIsLeft(on, `killed after call ${dieAt}, ${on.died}`);
    await on.close();
  };
  // Most of the time they wait for a guest that has been paused.
  const each = Array.from({ length: calls }, (_, index) => index + 1);
  while (each.length > 0) await Promise.all(each.splice(0, 16).map(killedAt));
});

test("a guest that keeps a disk is told of as a refusal, and gives it back when it ends", async () => {
  const on = host();
  on.world.tempers.set(instance, { keepsDisks: true });
  await done(on, { do: "make", volume: data, bytes: 8 * MiB });
  on.wish(wishFor([rootDisk, disk(data)]));
  await fits(on, [root, data]);
  on.wish(wishFor([rootDisk]));
  await until("it is told", () =>
    on.machines.some(({ disks }) => disks?.some(({ is }) => is === "detach-refused")),
  );
  assert.equal(on.local.volumes.get(data)?.exports.openers.length, 1);
  on.wish(end());
  await until("all is given back", async () => (await on.loans.load()).length === 0);
  assert.equal(on.local.volumes.get(data)?.exports.openers.length, 0);
  await on.close();
});

test("a disk that is not in its pool is a fact about a guest that runs on, and is tried again", async () => {
  const on = host();
  on.wish(wishFor([rootDisk]));
  await fits(on, [root]);
  on.wish(wishFor([rootDisk, disk(data)]));
  await until("it is told", () =>
    on.machines.some(({ disks }) =>
      disks?.some(
        ({ is, problem }) => is === "attach-failed" && problem?.code === "volume_not_found",
      ),
    ),
  );
  await done(on, { do: "make", volume: data, bytes: 8 * MiB });
  on.wish(wishFor([rootDisk, disk(data)]));
  await fits(on, [root, data]);
  await on.close();
});

test("what lasts for one generation is blank in the next, and the same after a reboot of its agent", async () => {
  const on = host();
  const own = disk(scratch, { kind: "ephemeral" });
  on.wish(wishFor([rootDisk, own]));
  await fits(on, [root, scratch]);
  const first = on.local.volumes.get(scratch);
  on.wish(wishFor([rootDisk, own]));
  await fits(on, [root, scratch]);
  assert.equal(on.local.volumes.get(scratch), first);
  on.wish(wishFor([rootDisk, own], 2));
  await until("the next one runs", () =>
    on.machines.some(({ generation, disks }) => generation === 2 && disks?.length === 2),
  );
  assert.notEqual(on.local.volumes.get(scratch), first);
  await on.close();
});

test("a task that fails says why once it is told, until it is recorded", async () => {
  const on = host();
  const { is, problem } = await done(on, {
    do: "snapshot",
    volume: data,
    name: "one",
    beside: [],
    freeze: true,
    atMost: 1_000,
  });
  assert.deepEqual([is, problem?.code], ["failed", "volume_not_found"]);
  const full = await done(on, { do: "restore-backup", volume: copy, from: data, backup: "b1" });
  assert.equal(full.problem?.code, "backup_not_found");
  await on.close();
});

test("what no key is needed for is done without: what cannot be opened can be deleted", async () => {
  const on = host();
  const lost = { key: `${sealedMark}nobody-opens-this` };
  await done(on, { do: "make", volume: data, bytes: 8 * MiB });
  await done(on, { do: "backup", volume: data, backup: "b1" });
  const made = await done(on, { do: "make", volume: copy, bytes: 8 * MiB, ...lost });
  assert.equal(made.problem?.code, "volume_key_missing");
  const inVain = await done(on, { do: "make", volume: far, pool: "shared", bytes: 1, key: "k" });
  assert.equal(inVain.problem?.code, "pool_cannot_encrypt");
  const opener = { instance, generation: 1 };
  for (const asked of [
    { do: "remove-backup", volume: data, backup: "b1", ...lost },
    { do: "release", volume: data, opener, ...lost },
    { do: "remove", volume: data, ...lost },
    { do: "revoke", volume: far, pool: "shared", opener, key: "k" },
    { do: "remove", volume: far, pool: "shared", key: "k" },
  ] as const) {
    const { is, problem } = await done(on, asked);
    assert.deepEqual([asked.do, is, problem], [asked.do, "done", undefined]);
  }
  assert.equal(on.local.volumes.size, 0);
  await on.close();
});

test("a disk that is promised more than its pool gives works, and that is said of it", async () => {
  const on = host();
  const limits = { iops: 1_000_000 };
  on.wish(wishFor([{ ...rootDisk, limits }]));
  await fits(on, [root]);
  const told = () => on.machines.findLast(({ disks }) => disks)?.disks?.[0];
  assert.deepEqual([told()?.is, told()?.problem?.code], ["attached", "pool_too_slow"]);
  on.wish(wishFor([{ ...rootDisk, limits: { iops: 100 } }]));
  await fits(on, [root]);
  assert.equal(told()?.problem, undefined);
  await on.close();
});
