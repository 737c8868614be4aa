/** What a keeper must get right although nothing it uses answers in order, or at once. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { MachineReport, VolumeReport, Wish } from "@holdfast/cloud/hosts";
import {
  befall,
  simulatedHypervisor,
  simulatedWorld,
} from "@holdfast/drivers/hypervisor/simulated";
import type { ImageFile, VolumePool } from "@holdfast/drivers/volumes";
import { backing, simulatedPool, simulatedStorage } from "@holdfast/drivers/volumes/simulated";
import type { ImageId, InstanceId, NicId, ProjectId, VolumeId } from "@holdfast/kernel/ids";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { diskKeeper } from "./disks.ts";
import { type KeeperDeps, keeper } from "./keeper.ts";
import { memoryLoans } from "./loans.ts";
import { noPassage } from "./passage.ts";
import { type Held, memoryShelf } from "./shelf.ts";

const id = "01890000-0000-7000-8000-000000000001" as InstanceId;
const volume = "01890000-0000-7000-8000-000000000002" as VolumeId;
const other = "01890000-0000-7000-8000-000000000003" as VolumeId;
const clock: Clock = { now: () => Date.now() as Instant, sleep: (d) => sleep(d) };
const wish: Wish = {
  instance: id,
  version: 1,
  epoch: 1,
  generation: 1,
  want: "running",
  wasRunning: false,
  reboots: 0,
  rebootGrace: 0,
  ladder: { acpi: 0, terminate: 100, kill: 100 },
  spec: {
    name: "web",
    project: "p" as ProjectId, // Nobody here looks into it, nor into the next.
    type: "tiny",
    imageId: "i" as ImageId,
    cpus: 1,
    memoryMiB: 128,
    disks: [{ volume, pool: "local", bytes: 4_096, kind: "root", origin: "image", limits: null }],
    nics: [],
    image: {
      disk: { digest: `sha256:${"0".repeat(64)}`, format: "raw", virtualBytes: 4_096 },
      saysReady: false,
      smallestMemoryMiB: 64,
    },
    userData: null,
    lastDeath: null,
    metadata: "on",
    metadataTokens: "optional",
    startPaused: false,
    bootTimeout: 10_000,
  },
  requestId: "r",
};
const stopped = (version: number): Wish => ({ ...wish, version, want: "stopped", spec: null });

const newHost = () => {
  const [world, store, loans, shelf] = [
    simulatedWorld(),
    simulatedStorage(2 ** 30),
    memoryLoans(),
    memoryShelf(),
  ];
  world.backing = backing(() => [store]);
  store.images.set("/blob", 4_096);
  return { world, store, loans, shelf };
};

/** A keeper on a simulated host, for as long as the test. `save`, `blob` and `make` say how slow those are. */
async function kept(
  t: TestContext,
  slow: {
    save?: () => Promise<void>;
    blob?: () => Promise<void>;
    make?: () => Promise<void>;
    templates?: KeeperDeps["templates"];
    ports?: () => Promise<ReadonlyMap<NicId, { mtu: number }>>;
  } = {},
  epoch = () => 1,
  { world, store, loans, shelf } = newHost(),
) {
  const hypervisor = simulatedHypervisor(world, clock);
  const pool = simulatedPool(store, clock, { isShared: true, canRevoke: false, isLive: false });
  const slowPool: VolumePool = {
    ...pool,
    async make(...which) {
      await slow.make?.();
      await pool.make(...which);
    },
  };
  const machines: MachineReport[] = [];
  const volumes: VolumeReport[] = [];
  const mine = keeper({
    hypervisor,
    disks: diskKeeper({
      hypervisor,
      loans,
      log: () => {},
      storage: { pool: async () => slowPool },
    }),
    storage: {
      async ensureBlob() {
        await slow.blob?.();
        return "/blob";
      },
    },
    networks: { ready: slow.ports ?? (async () => new Map()) },
    ...(slow.templates ? { templates: slow.templates } : {}),
    hasLease: (asked) => asked === epoch(),
    shelf: {
      ...shelf,
      async save(held: Held) {
        await slow.save?.();
        await shelf.save(held);
      },
    },
    clock,
    ticks: () => performance.now(),
    passage: noPassage,
    onMigration: () => {},
    onReport: (more, moreVolumes) => {
      machines.push(...more);
      volumes.push(...moreVolumes);
    },
    log: () => {},
  });
  t.after(() => mine.close());
  await mine.open();
  return { keeper: mine, world, store, loans, shelf, machines, volumes };
}

const until = async (isSo: () => boolean | Promise<boolean>) => {
  const end = performance.now() + 5_000;
  while (!(await isSo())) {
    assert.ok(performance.now() < end, "never came true");
    await sleep(5);
  }
};

test("of two wishes in a row the younger one stays, however long the disk takes for each", async (t) => {
  let saves = 0;
  const host = await kept(t, { save: () => sleep(saves++ === 0 ? 60 : 1) });
  await Promise.all([host.keeper.hear([wish], []), host.keeper.hear([stopped(2)], [])]);
  const [held] = await host.shelf.load();
  assert.equal(held?.wish.version, 2);
  assert.deepEqual(host.keeper.held(), [{ instance: id, version: 2 }]);
  await until(() => host.machines.some(({ exit }) => exit !== undefined));
});

test("a wish that comes behind a younger one undoes nothing", async (t) => {
  const host = await kept(t);
  await host.keeper.hear([stopped(2)], []);
  await host.keeper.hear([wish], []);
  assert.deepEqual(host.keeper.held(), [{ instance: id, version: 2 }]);
});

test("what is new here is prepared while its wish is written down, and launched after that", async (t) => {
  let write = () => {};
  const written = new Promise<void>((resolve) => {
    write = resolve;
  });
  let asked = 0;
  const ports = async () => {
    asked++;
    return new Map();
  };
  const host = await kept(t, { save: () => written, ports });
  const hearing = host.keeper.hear([wish], []);
  await until(() => asked === 1); // Nothing else is waited for.
  await sleep(5);
  assert.deepEqual([host.store.volumes.size, host.world.seen.size], [1, 0]);
  write();
  await hearing;
  await until(() => host.machines.some(({ phase }) => phase === "running"));
});

test("a card carries what its network was found to carry when it can be plugged in", async (t) => {
  const nic = "01890000-0000-7000-8000-000000000004" as NicId;
  const nics = [{ id: nic, mac: "52:54:00:00:00:01" }];
  const host = await kept(t, { ports: async () => new Map([[nic, { mtu: 1_500 }]]) });
  await host.keeper.hear([{ ...wish, spec: wish.spec && { ...wish.spec, nics } }], []);
  await until(() => host.machines.some(({ phase }) => phase === "running"));
  const [machine] = host.world.machines.values();
  assert.deepEqual(machine?.spec.nics, [{ ...nics[0], mtu: 1_500 }]);
});

test("what cannot be written down is never launched, and its end is told", async (t) => {
  const host = await kept(t, { save: () => Promise.reject(new Error("the disk is full")) });
  await assert.rejects(host.keeper.hear([wish], []), /the disk is full/);
  await until(() => host.machines.some(({ exit }) => exit?.status === "never-launched"));
  assert.deepEqual(
    host.machines.map(({ exit }) => exit?.problem?.code),
    ["wish_not_kept"],
  );
});

test("what could be written down after all is launched, in the same generation and in the next", async (t) => {
  for (const generation of [1, 2]) {
    let deliver = () => {};
    const delivered = new Promise<void>((resolve) => {
      deliver = resolve;
    });
    let saves = 0;
    const save = async () => {
      if (saves++ === 0) throw new Error("the disk is full");
    };
    const host = await kept(t, { save, ports: () => delivered.then(() => new Map()) });
    await assert.rejects(host.keeper.hear([wish], []), /the disk is full/);
    await host.keeper.hear([{ ...wish, version: 2, generation }], []);
    deliver();
    await until(() =>
      host.machines.some((seen) => seen.phase === "running" && seen.generation === generation),
    );
  }
});

test("that it was seen to run is kept with the wish that it was said of, and with no other", async (t) => {
  const host = await kept(t);
  await host.keeper.hear([wish], []);
  await host.keeper.seen([{ instance: id, generation: 1, version: 3 }]); // There was a version between.
  await host.keeper.seen([{ instance: id, generation: 2, version: 2 }]);
  assert.deepEqual(host.keeper.held(), [{ instance: id, version: 1 }]);
  await host.keeper.seen([{ instance: id, generation: 1, version: 2 }]);
  assert.deepEqual(
    (await host.shelf.load()).map((held) => held.wish),
    [{ ...wish, version: 2, wasRunning: true }],
  );
  assert.deepEqual(host.keeper.held(), [{ instance: id, version: 2 }]);
});

test("the traces of an end stay until it is recorded", async (t) => {
  const host = await kept(t);
  await host.keeper.hear([wish], []);
  await until(() => host.machines.some(({ phase }) => phase === "running"));
  befall(host.world, { id, generation: 1 }, clock, "killed");
  await until(() => host.machines.some(({ exit }) => exit !== undefined));
  await sleep(5); // Whatever is done about it at once is done.
  const told = host.keeper.reports().map(({ exit }) => exit?.status);
  assert.deepEqual(told, [{ signal: "SIGKILL" }]);
  await host.keeper.recorded([{ instance: id, generation: 1 }]);
  assert.deepEqual(host.keeper.reports(), []);
});

test("who waits for a port that never comes is stopped and buried, and the next one starts", async (t) => {
  let asked = 0;
  const ports = () => (asked++ === 0 ? new Promise<never>(() => {}) : Promise.resolve(new Map()));
  const host = await kept(t, { ports });
  await host.keeper.hear([wish], []);
  await until(() => asked === 1);
  await host.keeper.hear([stopped(2)], []);
  await until(() => host.machines.some(({ exit }) => exit?.status === "never-launched"));
  await host.keeper.recorded([{ instance: id, generation: 1 }]);
  await host.keeper.hear([{ ...wish, version: 3, generation: 2 }], []);
  await until(() => host.machines.some(({ phase }) => phase === "running"));
  const generations = host.keeper.reports().map(({ generation, phase }) => [generation, phase]);
  assert.deepEqual(generations, [[2, "running"]]);
});

test("a guest begins with a template where there is one, and one that is of no use is thrown away", async (t) => {
  const discarded: string[] = [];
  const templates = {
    find: async () => "/templates/1",
    discard: async (directory: string) => void discarded.push(directory),
  };
  for (const [is, how] of [
    ["whole", "warm"],
    ["spoilt", "cold"],
  ] as const) {
    const host = await kept(t, { templates });
    host.world.templates.set("/templates/1", is);
    await host.keeper.hear([wish], []);
    await until(() => host.machines.some(({ begun }) => begun?.how === how));
    await until(() => discarded.length === (is === "spoilt" ? 1 : 0));
  }
});

test("a guest is booted where nobody can tell whether there is a template", async (t) => {
  const find = () => Promise.reject(new Error("the disk is gone"));
  const host = await kept(t, { templates: { find, discard: async () => {} } });
  await host.keeper.hear([wish], []);
  await until(() => host.machines.some(({ begun }) => begun?.how === "cold"));
});

test("a volume is deleted only after the start that was still making it, and none is left behind", async (t) => {
  let deliver = () => {};
  const delivered = new Promise<void>((resolve) => {
    deliver = resolve;
  });
  const host = await kept(t, { blob: () => delivered });
  await host.keeper.hear([wish], []);
  await host.keeper.hear([stopped(2)], []);
  await until(() => host.machines.some(({ exit }) => exit?.status === "never-launched"));
  await host.keeper.recorded([{ instance: id, generation: 1 }]);
  const deleting = host.keeper.hear([], [{ volume, pool: "local" }]);
  deliver();
  await deleting;
  await until(() => host.volumes.some(({ is }) => is === "deleted"));
  assert.equal(host.store.volumes.size, 0);
  assert.deepEqual(await host.loans.load(), []);
  assert.equal(host.world.machines.size, 0);
});

test("a start whose volumes cannot be written down fails, and none is made", async (t) => {
  let asked = 0;
  const make = async () => void asked++;
  const disk = newHost();
  const loans = { ...disk.loans, save: () => Promise.reject(new Error("the disk is full")) };
  const host = await kept(t, { make }, undefined, { ...disk, loans });
  await host.keeper.hear([wish], []);
  await until(() => host.machines.some(({ exit }) => exit?.status === "never-launched"));
  assert.equal(asked, 0);
  await host.keeper.recorded([{ instance: id, generation: 1 }]);
  await host.keeper.hear([], [{ volume, pool: "local" }]);
  assert.equal(host.store.volumes.size, 0);
});

test("the end of a generation that left no trace is told again until it is recorded", async (t) => {
  const host = await kept(t);
  host.world.seen.set(id, 1); // It was here, and was forgotten.
  await host.keeper.hear([wish], []);
  const told = () => host.machines.filter(({ exit }) => exit?.status === "unrecorded").length;
  await until(() => told() === 1);
  await until(() => told() === 2);
  assert.ok(told() <= 2, "once in a while, not all the time");
  await host.keeper.recorded([{ instance: id, generation: 1 }]);
  assert.deepEqual(host.keeper.held(), []);
});

const shared: Wish = {
  ...wish,
  spec: wish.spec && {
    ...wish.spec,
    disks: wish.spec.disks.map((disk) => ({ ...disk, pool: "shared" })),
  },
};
const nothing: Wish = { ...wish, version: 2, epoch: 2, want: "nothing", spec: null };

test("a start whose image came too late for its wish launches nothing", async (t) => {
  let deliver = () => {};
  const delivered = new Promise<void>((resolve) => {
    deliver = resolve;
  });
  const host = await kept(t, { blob: () => delivered });
  await host.keeper.hear([wish], []);
  await host.keeper.hear([nothing], []);
  deliver();
  await until(() => host.keeper.held().length === 0);
  assert.equal(host.world.seen.size, 0);
});

test("what another host could start is not launched in a later epoch than it was wished in, though there is a lease", async (t) => {
  let epoch = 1;
  let deliver = () => {};
  const delivered = new Promise<void>((resolve) => {
    deliver = resolve;
  });
  const host = await kept(t, { blob: () => delivered }, () => epoch);
  await host.keeper.hear([shared], []);
  epoch = 2; // The host was fenced and is back, and what is wished now is still on its way to its disk.
  deliver();
  await until(() => host.store.volumes.size === 1); // The volume is made, and the launch would be next.
  await host.keeper.hear([nothing], []);
  await until(() => host.keeper.held().length === 0);
  assert.equal(host.world.seen.size, 0);
});

test("a launch that hangs is ended before the host enters another epoch, and left alone in its own", async (t) => {
  const host = await kept(t);
  host.world.tempers.set(id, { launch: "hangs" });
  await host.keeper.hear([shared], []);
  await until(() => host.world.machines.size === 1);
  const [machine] = host.world.machines.values();
  await host.keeper.enter(1);
  assert.equal(machine?.exit, undefined);
  await host.keeper.enter(2);
  assert.ok(machine?.exit);
});

test("a start that was under way when the agent was closed leaves nothing that keeps its process", async (t) => {
  let deliver = () => {};
  const delivered = new Promise<void>((resolve) => {
    deliver = resolve;
  });
  const host = await kept(t, { blob: () => delivered });
  assert.ok(wish.spec);
  const image = { ...wish.spec.image, saysReady: true };
  await host.keeper.hear([{ ...wish, spec: { ...wish.spec, image, bootTimeout: 600_000 } }], []);
  const timers = () => process.getActiveResourcesInfo().filter((one) => one === "Timeout").length;
  const before = timers();
  host.keeper.close();
  host.world.attached.clear(); // Its driver is closed as well, and hears of no guest that is up.
  deliver();
  await until(() => host.volumes.some(({ is }) => is === "ready"));
  await until(() => timers() <= before);
});

test("an encrypted guest whose agent went before it was launched waits for its key, and is never begun plain", async (t) => {
  const key = "a-key-that-nobody-guesses";
  const withKey = (said: string): Wish => ({
    ...wish,
    spec: wish.spec && {
      ...wish.spec,
      disks: [
        ...wish.spec.disks.map((disk) => ({ ...disk, key: said })),
        {
          ...{ volume: other, pool: "local", bytes: 4_096, kind: "ephemeral", origin: "blank" },
          ...{ limits: null, key: said },
        },
      ],
    },
  });
  const host = newHost();
  const first = await kept(t, { blob: () => new Promise(() => {}) }, undefined, host);
  await first.keeper.hear([withKey(key)], []);
  assert.deepEqual(first.keeper.held(), [{ instance: id, version: 1 }]);
  first.keeper.close();
  assert.ok(!JSON.stringify(await host.shelf.load()).includes(key));

  const next = await kept(t, {}, undefined, host);
  assert.deepEqual(next.keeper.held(), [{ instance: id, version: 0 }], "it is to be said again");
  await sleep(50); // Whatever is done at once is done.
  assert.deepEqual([host.world.seen.size, host.store.volumes.size], [0, 0]);
  await next.keeper.hear([withKey(key)], []);
  await until(() => next.machines.some(({ phase }) => phase === "running"));
  assert.deepEqual(
    [...host.store.volumes.values()].map((each) => each.key),
    [key, key],
  );
  assert.deepEqual(next.keeper.held(), [{ instance: id, version: 1 }]);

  const last = await kept(t, {}, undefined, newHost());
  await last.keeper.hear([withKey("sealed:no-manager-can-open-it")], []);
  await until(() => last.machines.some(({ exit }) => exit?.problem?.code === "volume_key_missing"));
  assert.equal(last.store.volumes.size, 0);
  assert.deepEqual(last.keeper.held(), [{ instance: id, version: 0 }]);
});

test("an encrypted disk is made encrypted, though one of its name is removed while its image is on its way", async () => {
  const { world, store, loans } = newHost();
  const hypervisor = simulatedHypervisor(world, clock);
  const pool = simulatedPool(store, clock, { isShared: false, canRevoke: false, isLive: false });
  const storage = { pool: async () => pool };
  const disks = diskKeeper({ hypervisor, loans, storage, log: () => {} });
  const spec = wish.spec && {
    ...wish.spec,
    disks: wish.spec.disks.map((disk) => ({ ...disk, key: "a-key" })),
  };
  let deliver = (_: ImageFile) => {};
  const image = new Promise<ImageFile>((resolve) => {
    deliver = resolve;
  });
  const made = disks.make({ ...wish, spec }, image);
  await new Promise((resolve) => setImmediate(resolve)); // Whatever is done at once is done.
  await disks.remove({ volume, pool: "local" });
  deliver({ file: "/blob", format: "raw" });
  await made;
  assert.equal(store.volumes.get(volume)?.key, "a-key");
});

test("what is unwanted by now is dropped though it waits for its key", async (t) => {
  const host = newHost();
  const locked = wish.spec && {
    ...wish.spec,
    disks: wish.spec.disks.map((disk) => ({ ...disk, key: "a-key" })),
  };
  await host.shelf.save({ wish: { ...wish, spec: locked }, reboots: 0 });
  const { keeper: mine } = await kept(t, {}, undefined, host);
  const [held] = mine.held();
  // As managers ask for the end of what nobody wishes for any more.
  await mine.hear([{ ...nothing, version: (held?.version ?? 0) + 1 }], []);
  await until(() => mine.held().length === 0);
});
