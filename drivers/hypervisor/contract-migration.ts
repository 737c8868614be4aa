/**
 * What every hypervisor promises about machines that move while they run, as tests: two hosts and a way between
 * them that can be cut.
 *
 * Of each step the question is the same: how many copies can run now? Never two, and none only while somebody
 * has still to say which.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { minutes, seconds } from "@holdfast/kernel/time";
import { type Desk, deskOf, type HypervisorRig } from "./contract.ts";
import type {
  Departure,
  Disk,
  Hypervisor,
  Landing,
  MachineRef,
  MachineSpec,
  MigrationStatus,
  MigrationView,
} from "./driver.ts";

export interface MoveRig {
  readonly source: HypervisorRig;
  readonly destination: HypervisorRig;
  /** A way from the source's sockets to where a machine waits. */
  connect(landing: Landing): Promise<Way>;
  /** One disk that both hosts reach, as each of them opens it. */
  sharedDisk(id: string): Promise<readonly [Disk, Disk]>;
  /** One that is on the source, with something in it, and an empty one on the destination. */
  localDisk(id: string): Promise<readonly [Disk, Disk]>;
  /**
   * Lets processes of this host wait for memory that is somewhere else, until the test is over. Returns bytes
   * per second at which this rig's machine takes a second or a few.
   */
  allowPostcopy(): number;
  /** The two have the same content, once nobody uses them. */
  assertSame(disks: readonly [Disk, Disk]): Promise<void>;
}

export interface Way extends Pick<Departure, "memory" | "disks"> {
  cut(): void;
}

const atOnce = { acpi: seconds(0), terminate: seconds(0), kill: minutes(1) };
/** Slow enough that it is still under way whenever somebody looks, in bytes each second. */
const slow = 100_000;
const slowDisks = 2_000_000;

interface Stage {
  readonly a: Desk;
  readonly b: Desk;
  readonly rig: MoveRig;
  /** The machine there: the next generation. */
  readonly next: MachineSpec;
  /** Starts it here, has it wait there and begins to send it. */
  send(order?: Partial<Departure>, disks?: readonly [Disk, Disk]): Promise<Way>;
}

export function migrationContract(name: string, makeRig: (t: TestContext) => Promise<MoveRig>) {
  const promise = (what: string, body: (stage: Stage) => Promise<void>) =>
    void test(`${name}: ${what}`, async (t) => {
      const rig = await makeRig(t);
      const [a, b] = [deskOf(rig.source), deskOf(rig.destination)];
      const ways: Way[] = [];
      try {
        await body(stageOf(rig, a, b, ways));
      } finally {
        for (const way of ways) way.cut();
        await a.clear();
        await b.clear();
      }
      assert.deepEqual(await rig.source.leftovers(), [], "something was left behind");
      assert.deepEqual(await rig.destination.leftovers(), [], "something was left behind");
    });

  promise(
    "a machine that is sent runs where it arrived once it is let, and nowhere else",
    async (s) => {
      const disks = await s.rig.sharedDisk("disk0");
      await s.send({}, disks);
      const view = await until(s.a.driver, s.a.spec, "completed");
      assert.ok(view.downtime !== undefined && view.downtime < 60_000);
      await arrived(s.b, s.next);
      assert.equal(standing(s.a), "left");
      assert.equal(standing(s.b), "arrived");
      await s.b.driver.land(s.next);
      await s.b.driver.land(s.next); // Said again, as by an agent that was restarted.
      assert.equal(standing(s.b), "runs");
      const exit = await s.a.driver.stop(s.a.spec, atOnce);
      assert.equal(exit.reason, "migrated");
      // It is the same machine: it could be sent on.
      const form = await s.b.driver.formOf(s.next);
      await s.a.driver.forget(s.a.spec);
      const back = { ...s.a.spec, disks: [disks[0]], generation: 3 };
      const landing = await s.a.driver.receive(back, form, []);
      const way = await s.rig.connect(landing);
      try {
        await s.b.driver.migrate(s.next, { ...way, mirrored: [], mayPostcopy: false });
        await until(s.b.driver, s.next, "completed");
        await arrived(s.a, back);
        await s.a.driver.land(back);
        assert.equal(standing(s.a), "runs");
        assert.deepEqual(await s.a.driver.formOf(back), form);
      } finally {
        way.cut();
      }
    },
  );

  promise(
    "one to which a disk was attached while it ran takes it along, to the same place",
    async (s) => {
      const [disks, late] = [await s.rig.sharedDisk("disk0"), await s.rig.sharedDisk("late0")];
      const here = { ...s.a.spec, disks: [disks[0]] };
      const there = { ...s.next, disks: [disks[1], late[1]] };
      await s.a.driver.start(here);
      await s.a.driver.attachDisk(here, late[0]);
      const form = await s.a.driver.formOf(here);
      const way = await s.rig.connect(await s.b.driver.receive(there, form, []));
      try {
        await s.a.driver.migrate(here, { ...way, mirrored: [], mayPostcopy: false });
        await until(s.a.driver, here, "completed");
        await arrived(s.b, there);
        await s.b.driver.land(there);
      } finally {
        way.cut();
      }
      const ids = (await s.b.driver.disks(there)).map(({ id }) => id);
      assert.deepEqual([...ids].sort(), ["disk0", "late0"]);
      assert.deepEqual(await s.b.driver.formOf(there), form);
    },
  );

  promise("one that waits does not run before all of it is there, whoever asks", async (s) => {
    await s.send({ bytesPerSecond: slow });
    for (const ask of [s.b.driver.land, s.b.driver.resume])
      await assert.rejects(ask(s.next), { code: "not_arrived" });
    assert.equal(standing(s.a), "runs");
    assert.equal(standing(s.b), "waits");
    await assert.rejects(s.a.driver.steer(s.a.spec, "switch"), { code: "cannot_steer" });
    await s.a.driver.steer(s.a.spec, "slow-down");
    assert.ok((await s.a.driver.migration(s.a.spec)).isThrottled);
  });

  promise("one that is aborted runs on, ends there, and can be sent again", async (s) => {
    await s.send({ bytesPerSecond: slow });
    await s.a.driver.steer(s.a.spec, "cancel");
    await until(s.a.driver, s.a.spec, "cancelled");
    await s.b.hear("exited");
    assert.equal(standing(s.a), "runs");
    const again = { ...s.next, generation: 3 };
    const form = await s.a.driver.formOf(s.a.spec);
    const way = await s.rig.connect(await s.b.driver.receive(again, form, []));
    try {
      await s.a.driver.migrate(s.a.spec, { ...way, mirrored: [], mayPostcopy: false });
      await until(s.a.driver, s.a.spec, "completed");
      await arrived(s.b, again);
    } finally {
      way.cut();
    }
  });

  promise("one whose destination dies runs on, and says so", async (s) => {
    await s.send({ bytesPerSecond: slow });
    await s.rig.destination.kill(s.next);
    const { says } = await until(s.a.driver, s.a.spec, "failed");
    assert.ok(says);
    assert.equal(standing(s.a), "runs");
  });

  promise("one whose source dies ends where it waited", async (s) => {
    await s.send({ bytesPerSecond: slow });
    await until(s.a.driver, s.a.spec, "active"); // Before that, nobody there has heard of it.
    await s.rig.source.kill(s.a.spec);
    const { exit } = await s.b.hear("exited");
    assert.notDeepEqual(exit.status, { code: 0 });
  });

  promise("one whose way is cut runs on where it was, and ends where it waited", async (s) => {
    const way = await s.send({ bytesPerSecond: slow });
    await until(s.a.driver, s.a.spec, "active");
    way.cut();
    await until(s.a.driver, s.a.spec, "failed");
    await s.b.hear("exited");
    assert.equal(standing(s.a), "runs");
  });

  promise("one that is faster than its way runs there, and its memory follows", async (s) => {
    const bytesPerSecond = s.rig.allowPostcopy();
    await s.send({ mayPostcopy: true, bytesPerSecond }, await s.rig.sharedDisk("disk0"));
    await until(s.a.driver, s.a.spec, "active");
    await s.a.driver.steer(s.a.spec, "postcopy");
    await until(s.a.driver, s.a.spec, "postcopy-active");
    assert.equal(standing(s.a), "left");
    await arrived(s.b, s.next);
    await s.b.driver.land(s.next);
    assert.equal(standing(s.b), "runs");
    for (const rung of ["cancel", "slow-down"] as const)
      await assert.rejects(s.a.driver.steer(s.a.spec, rung), { code: "cannot_steer" });
    await until(s.a.driver, s.a.spec, "completed");
    assert.deepEqual([standing(s.a), standing(s.b)], ["left", "runs"]);
  });

  promise("one that was all sent and not let run there can run here again", async (s) => {
    await s.send({}, await s.rig.sharedDisk("disk0"));
    await until(s.a.driver, s.a.spec, "completed");
    await arrived(s.b, s.next);
    await s.b.driver.stop(s.next, atOnce);
    assert.equal(standing(s.a), "left");
    await s.a.driver.resume(s.a.spec);
    assert.equal(standing(s.a), "runs");
    assert.equal((await s.a.driver.migration(s.a.spec)).status, "failed");
  });

  promise("later agents find one that left and one that arrived as they stand", async (s) => {
    await s.send();
    await until(s.a.driver, s.a.spec, "completed");
    await arrived(s.b, s.next);
    for (const desk of [s.a, s.b]) {
      await desk.restart();
      await desk.driver.adopt();
    }
    assert.equal(standing(s.a), "left");
    assert.equal(standing(s.b), "arrived");
    await s.b.driver.land(s.next);
    await s.b.restart();
    await s.b.driver.adopt();
    assert.equal(standing(s.b), "runs");
  });

  promise("a disk that is on its host only is copied with it", async (s) => {
    const disks = await s.rig.localDisk("disk0");
    await s.send({ mirrored: ["disk0"] }, disks);
    await until(s.a.driver, s.a.spec, "pre-switchover");
    assert.ok((await s.a.driver.migration(s.a.spec)).areDisksReady);
    await s.a.driver.steer(s.a.spec, "switch");
    await until(s.a.driver, s.a.spec, "completed");
    await arrived(s.b, s.next);
    await s.b.driver.land(s.next);
    assert.equal(standing(s.b), "runs");
    await s.b.driver.stop(s.next, atOnce);
    await s.a.driver.stop(s.a.spec, atOnce);
    await s.rig.assertSame(disks);
  });

  promise(
    "one whose disks are being copied can be aborted, and cut off, and runs on",
    async (s) => {
      const disks = await s.rig.localDisk("disk0");
      await s.send({ mirrored: ["disk0"], bytesPerSecond: slowDisks }, disks);
      assert.equal((await s.a.driver.migration(s.a.spec)).status, "mirroring");
      await s.a.driver.steer(s.a.spec, "cancel");
      await until(s.a.driver, s.a.spec, "cancelled");
      await s.b.driver.stop(s.next, atOnce);
      const again = { ...s.next, generation: 3 };
      const form = await s.a.driver.formOf(s.a.spec);
      const way = await s.rig.connect(await s.b.driver.receive(again, form, ["disk0"]));
      const order = { mirrored: ["disk0"], bytesPerSecond: slowDisks, mayPostcopy: false };
      await s.a.driver.migrate(s.a.spec, { ...way, ...order });
      assert.equal((await s.a.driver.migration(s.a.spec)).status, "mirroring");
      way.cut();
      await until(s.a.driver, s.a.spec, "failed");
      assert.equal(standing(s.a), "runs");
    },
  );
}

function stageOf(rig: MoveRig, a: Desk, b: Desk, ways: Way[]): Stage {
  let next = { ...a.spec, generation: 2 };
  return {
    ...{ a, b, rig },
    get next() {
      return next;
    },
    async send(order = {}, disks) {
      const spec = { ...a.spec, disks: disks ? [disks[0]] : [] };
      next = { ...next, disks: disks ? [disks[1]] : [] };
      const mirrored = order.mirrored ?? [];
      await a.driver.start(spec);
      const landing = await b.driver.receive(next, await a.driver.formOf(spec), mirrored);
      const way = await rig.connect(landing);
      ways.push(way);
      await a.driver.migrate(spec, { ...way, mirrored, mayPostcopy: false, ...order });
      return way;
    },
  };
}

/** What can be said of the one machine of a host that is not over. */
function standing(desk: Desk): "runs" | "left" | "waits" | "arrived" | "gone" {
  const view = desk.driver.list().find(({ is }) => is !== "exited");
  if (view?.is === "incoming") return view.hasArrived ? "arrived" : "waits";
  if (view?.is !== "running") return "gone";
  return view.hasLeft ? "left" : "runs";
}

async function until(
  driver: Hypervisor,
  ref: MachineRef,
  status: MigrationStatus,
): Promise<MigrationView> {
  for (;;) {
    const view = await driver.migration(ref);
    if (view.status === status) return view;
    const isOver = ["completed", "failed", "cancelled"].includes(view.status);
    assert.ok(!isOver, `${view.status}, ${view.says ?? "nothing said"}; expected ${status}`);
    await new Promise((resolve) => setTimeout(resolve, 5)); // What is told comes to a desk's one ear.
  }
}

/** The last of it may still be on its way when all of it was sent. */
async function arrived(desk: Desk, ref: MachineRef): Promise<void> {
  for (let times = 1; ; times++) {
    const view = desk.driver.list(ref.id).find((each) => each.generation === ref.generation);
    assert.ok(view?.is === "incoming", `it is ${view?.is}`);
    if (view.hasArrived) return;
    await desk.hear("migrating", times);
  }
}
