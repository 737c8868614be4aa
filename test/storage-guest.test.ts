/**
 * A real guest whose disks come, grow, are copied and go through an agent that is killed in the middle of each
 * of these; and nothing is left open in the end.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  diskKeeper,
  fileLoans,
  keeper,
  memoryShelf,
  noPassage,
  storekeeper,
} from "@holdfast/cloud/agent/edge";
import type {
  MachineReport,
  StorageResult,
  StorageTask,
  Wish,
  WishedDisk,
} from "@holdfast/cloud/hosts";
import type { Digest } from "@holdfast/drivers/images";
import { directoryBackups, prepareBackups } from "@holdfast/drivers/volumes/backups";
import { directoryPool } from "@holdfast/drivers/volumes/directory";
import { nbdPool } from "@holdfast/drivers/volumes/nbd";
import {
  type ImageId,
  type InstanceId,
  type ProjectId,
  uuidV7,
  type VolumeId,
} from "@holdfast/kernel/ids";
import { type FixtureHost, fixtureHost, wallClock } from "../drivers/hypervisor/fixture-host.ts";

const MiB = 1 << 20;
let minted = 0;
const mint = <Id>() => uuidV7(3, new Uint8Array(16).fill(++minted)) as Id; // Its own maker's word.
const digestOf = (text: string): Digest => `sha256:${text.repeat(64)}`;
const [disk, kernel, initrd] = [digestOf("1"), digestOf("2"), digestOf("3")];
const instance = mint<InstanceId>();
const [root, data, far, own, copy] = [0, 0, 0, 0, 0].map(() => mint<VolumeId>()) as [
  ...[VolumeId, VolumeId, VolumeId, VolumeId, VolumeId],
];
const long = 120_000;

test("an agent that is killed in the middle of anything goes on, and nothing is left open", async (t) => {
  const host = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  const desk = await newDesk(t, host);
  const before = desk.open();
  try {
    await desk.done({ do: "make", volume: data, pool: "local", bytes: 16 * MiB });
    await desk.done({ do: "make", volume: far, pool: "nbd", bytes: 8 * MiB });
    const all = (bytes = 8 * MiB): WishedDisk[] => [
      wished(root, "local", { kind: "root", origin: "image" }),
      wished(own, "local", { kind: "ephemeral" }),
      wished(data, "local", { bytes: 2 * bytes, limits: { iops: 5_000 } }),
      wished(far, "nbd", { bytes }),
    ];
    await desk.wish(all().slice(0, 2));
    await desk.until("its guest is up", () => desk.guest() === "up");
    await desk.fits([root, own]);

    desk.killAt("attachDisk");
    await desk.wish(all());
    await desk.fits([root, own, data, far]);
    const shell = await desk.shell();
    await shell("until [ -b /dev/vdd ]; do sleep 0.1; done");
    await shell("dd if=/dev/urandom of=/dev/vdc bs=1M count=2 conv=fsync");

    desk.killAt("resizeDisk");
    await desk.wish(all(16 * MiB));
    await desk.fits([root, own, data, far]);
    const size = (32 * MiB) / 512;
    await (await desk.shell())(
      `until [ $(cat /sys/block/vdc/size) = ${size} ]; do sleep 0.1; done`,
    );

    // Its guest is paused when it dies, and goes on by itself.
    desk.killAt("pause");
    const beside = [{ volume: far, pool: "nbd" }];
    const moment = { name: "one", beside, freeze: true, atMost: 3_000 };
    await desk.done({ do: "snapshot", volume: data, pool: "local", ...moment });
    await desk.until("it goes on", () => desk.guest() === "up");
    await desk.done({ do: "restore", volume: copy, pool: "local", from: data, snapshot: "one" });
    const files = [data, copy].map((each) => join(desk.directory, "local", `${each}.qcow2`));
    assert.match(
      execFileSync("qemu-img", ["compare", "-U", ...files], { encoding: "utf8" }),
      /identical/,
    );
    desk.killAt("removeDiskSnapshot");
    await desk.done({ do: "remove-snapshot", volume: data, pool: "local", name: "one" });
    await desk.done({ do: "remove-snapshot", volume: far, pool: "nbd", name: "one" });
    assert.deepEqual((await desk.done({ do: "check", volume: data, pool: "local" })).result, {
      is: "sound",
    });

    desk.killAt("backupDisk");
    await desk.done({ do: "backup", volume: data, pool: "local", backup: "b1" });
    await (await desk.shell())(
      "dd if=/dev/urandom of=/dev/vdc bs=64k count=1 seek=3 conv=notrunc,fsync",
    );
    const second = await desk.done({
      ...{ do: "backup", volume: data, pool: "local", backup: "b2", since: "b1" },
    });
    assert.equal(second.result?.since, "b1");

    desk.killAt("detachDisk");
    await desk.wish(all().slice(0, 2));
    await desk.fits([root, own]);
    await desk.end();
    for (const [volume, pool] of [
      [root, "local"],
      [data, "local"],
      [copy, "local"],
      [far, "nbd"],
    ] as const)
      await desk.done({ do: "remove", volume, pool });
    assert.equal(desk.deaths(), 6);
    assert.deepEqual(desk.open(), before);
  } finally {
    await desk.close();
  }
  assert.deepEqual(await host.leftovers(), []);
});

const wished = (volume: VolumeId, pool: string, more: Partial<WishedDisk>): WishedDisk => ({
  ...{ volume, pool, bytes: 8 * MiB, kind: "data", origin: "blank", limits: null },
  ...more,
});

type Asked = StorageTask extends infer T ? (T extends StorageTask ? Omit<T, "id"> : never) : never;

async function newDesk(t: TestContext, host: FixtureHost) {
  const directory = mkdtempSync(join(tmpdir(), "hf-agent-"));
  chmodSync(directory, 0o711);
  t.after(() => rmSync(directory, { recursive: true }));
  const image = join(directory, "image.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", image, "8M"]);
  chmodSync(image, 0o444);
  const place = join(directory, "backups");
  mkdirSync(place);
  await prepareBackups(place, "place");
  const runDir = join(directory, "run");
  const shelf = memoryShelf();
  const machines: MachineReport[] = [];
  const results: StorageResult[] = [];
  let version = 0;
  let deaths = 0;
  let deadly = "";
  let wish: Wish | undefined;
  let tasks: readonly StorageTask[] = [];
  let agent = await open();

  const desk = {
    directory,
    deaths: () => deaths,
    killAt(call: string) {
      assert.equal(deadly, "", "it has not died yet");
      deadly = call;
    },
    async wish(disks: readonly WishedDisk[]) {
      await hear({ ...base(), spec: { ...spec(host), disks: [...disks] } });
    },
    async end() {
      await hear({ ...base(), want: "stopped", spec: null });
      await until("it has ended", () => machines.some(({ phase }) => phase === "exited"));
      await until("all is given back", () => agent.disks.list().length === 0);
      await agent.keeper.recorded([{ instance, generation: 1 }]);
    },
    guest() {
      const [view] = agent.hypervisor.list(instance);
      return view?.is === "running" ? view.guest : undefined;
    },
    fits: (volumes: readonly VolumeId[]) =>
      until(`it has ${volumes.length} disks`, () => {
        const { disks = [], disksOf } = machines.findLast((each) => each.disks) ?? {};
        const has = disks.filter(({ is }) => is === "attached").map((each) => each.volume);
        const same = JSON.stringify(has.toSorted()) === JSON.stringify(volumes.toSorted());
        return same && disks.length === has.length && disksOf === version;
      }),
    async done(asked: Asked): Promise<StorageResult> {
      const task = { ...asked, id: mint<string>() } as StorageTask; // What was missing is there now.
      tasks = [task];
      agent.store.hear(tasks, place);
      await until(`${asked.do} is over`, () => results.some(({ id }) => id === task.id));
      const result = results.find(({ id }) => id === task.id);
      assert.ok(result);
      assert.equal(result.is, "done", `${asked.do}: ${JSON.stringify(result.problem)}`);
      return result;
    },
    async shell() {
      const console = await agent.hypervisor.console({ id: instance, generation: 1 });
      let heard = "";
      let count = 0;
      console.onData((bytes) => {
        heard += Buffer.from(bytes).toString("latin1");
      });
      return async (line: string) => {
        const word = `over-${process.hrtime.bigint()}-${++count}`;
        console.write(Buffer.from(`${line} 2>/dev/null; echo ov''${word.slice(2)}\n`));
        await until(line, () => new RegExp(`^${word}\r`, "m").test(heard));
      };
    },
    until,
    /** Everything that could be left open: volumes, claims, exports, loans, processes. */
    open() {
      const files = ["local", "nbd", "nbd/exports", "run"].flatMap((name) =>
        readdirSync(join(directory, name))
          .filter((file) => !/^(incoming|exports)$/.test(file))
          .map((file) => `${name}/${file}`),
      );
      const all = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n");
      if (statSync(join(directory, "loans.jsonl")).size > 0) files.push("loans");
      return { files, processes: all.filter((line) => line.includes(`${directory}/run`)) };
    },
    async close() {
      agent.bury();
      const cleaner = host.open();
      for (const view of await cleaner.adopt()) {
        if (view.is === "running")
          await cleaner.stop(view, { acpi: 0, terminate: 0, kill: long } as never); // Plain numbers are durations.
        await cleaner.forget(view);
      }
      await cleaner.close();
      const pool = await nbdPool({ directory: join(directory, "nbd"), host: "h1", runDir });
      for (const { volume, openedBy } of (await pool.measure()).volumes)
        if (openedBy) await pool.release(volume, openedBy);
      pool.close();
    },
  };
  return desk;

  function base(): Wish {
    return {
      ...{ instance, version: ++version, epoch: 1, generation: 1, want: "running" },
      ...{ wasRunning: false, reboots: 0, rebootGrace: 0, requestId: "r", spec: null },
      ladder: { acpi: 0, terminate: 1_000, kill: 20_000 },
    };
  }

  async function hear(asked: Wish) {
    wish = asked;
    await agent.keeper.hear([asked], []);
  }

  async function until(what: string, isSo: () => boolean | Promise<boolean>) {
    const late = performance.now() + long;
    while (!(await isSo())) {
      assert.ok(performance.now() < late, `never came true: ${what}`);
      await sleep(20);
    }
  }

  async function open() {
    const life = { isOver: false };
    const driver = host.open();
    const local = await directoryPool({
      ...{ directory: join(directory, "local"), host: "h1", isShared: false, runDir },
    });
    const nbd = await nbdPool({ directory: join(directory, "nbd"), host: "h1", runDir });
    await nbd.tend();
    const glass = <T extends object>(target: T): T =>
      new Proxy(target, {
        get(object, key) {
          const value: unknown = Reflect.get(object, key);
          if (typeof value !== "function" || key === "list" || key === "onEvent") return value;
          return (...args: unknown[]) => {
            if (life.isOver) return new Promise(() => {});
            const result: unknown = Reflect.apply(value, object, args);
            if (!(result instanceof Promise)) return result;
            const lost = new Promise(() => {});
            // What it has asked for is under way, or done, and it never hears of it.
            if (key === deadly) die(result);
            return result.then(
              (answer) => (life.isOver ? lost : answer),
              (error) => (life.isOver ? lost : Promise.reject(error)),
            );
          };
        },
      });
    const hypervisor = glass(driver);
    const pools = new Map([
      ["local", glass(local)],
      ["nbd", glass(nbd)],
    ]);
    const storage = {
      pools: [],
      async pool(name: string) {
        const pool = pools.get(name);
        assert.ok(pool);
        return pool;
      },
      ensureBlob: async (digest: Digest) =>
        digest === disk ? image : digest === kernel ? host.guest.kernel : host.guest.initrd,
      backups: (at: string) => glass(directoryBackups(at, wallClock)),
      publish: () => Promise.reject(new Error("there is no manager here")),
    };
    const log = () => {};
    const loans = glass(await fileLoans(join(directory, "loans.jsonl")));
    const disks = diskKeeper({ hypervisor, storage, loans, log });
    const kept = keeper({
      ...{ hypervisor, disks, storage, shelf: glass(shelf), clock: wallClock, log },
      networks: { ready: async () => new Map() },
      hasLease: () => true,
      passage: noPassage,
      ticks: () => performance.now(),
      onMigration: () => {},
      onReport: (more) => void (life.isOver || machines.push(...more)),
    });
    const store = storekeeper({
      ...{ hypervisor, storage, disks, clock: wallClock, log },
      giveBack: kept.giveBack,
      onResults: (more) => void (life.isOver || results.push(...more)),
    });
    await kept.open();
    const bury = () => {
      life.isOver = true;
      kept.close();
      store.close();
      local.close();
      nbd.close();
      void driver.close();
    };
    if (wish) await kept.hear([wish], []);
    store.hear(tasks, place);
    return { keeper: kept, store, disks, hypervisor, bury };

    function die(last: Promise<unknown>): void {
      const call = deadly;
      deadly = "";
      deaths++;
      life.isOver = true;
      const again = async () => {
        // A pause is to be in force; everything else is cut off in the middle.
        if (call === "pause") await last;
        bury();
        agent = await open();
      };
      void again();
    }
  }
}

function spec({ guest }: FixtureHost) {
  return {
    ...{ name: "web", project: mint<ProjectId>(), type: "tiny", imageId: mint<ImageId>() },
    ...{ cpus: 1, memoryMiB: 96, nics: [], userData: null, lastDeath: null, startPaused: false },
    ...{ metadata: "on" as const, metadataTokens: "optional" as const },
    bootTimeout: long,
    image: {
      disk: { digest: disk, format: "qcow2" as const, virtualBytes: 8 * MiB },
      direct: { kernel, initrd, commandLine: guest.commandLine },
      saysReady: true,
      smallestMemoryMiB: 64,
    },
  };
}
