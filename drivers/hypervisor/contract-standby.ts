/** What every hypervisor promises about processes that have their memory before anybody asks for them, as tests. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { milliseconds, minutes, seconds } from "@holdfast/kernel/time";
import { specOf } from "./contract.ts";
import type { WarmRig } from "./contract-warm.ts";
import type { Disk, Hypervisor, MachineSpec, TemplateSpec } from "./driver.ts";

export interface StandbyRig extends WarmRig {
  /** An empty one that is there. */
  disk(): Disk;
}

const none = milliseconds(0);
const atOnce = { acpi: none, terminate: none, kill: seconds(20) };

export function standbyContract(
  name: string,
  makeRig: (t: TestContext) => Promise<StandbyRig>,
): void {
  test(`${name}: a process on standby becomes one machine, which lives as all others do`, async (t) => {
    const rig = await makeRig(t);
    assert.ok(rig.guest !== "firmware");
    const { cpus, memoryMiB } = specOf();
    const like: TemplateSpec = { cpus, memoryMiB, boot: rig.guest };
    let driver = rig.open();
    const made: MachineSpec[] = [];
    const spec = (changes: Partial<MachineSpec> = {}) => {
      const one = { ...specOf(), boot: rig.guest, template, disks: [rig.disk()], ...changes };
      made.push(one);
      return one;
    };
    const template = rig.directory();
    try {
      await driver.makeTemplate(like, template, minutes(5));
      assert.equal(await driver.standBy(template, like), true);
      assert.deepEqual(driver.standbys(), [template]);
      assert.deepEqual(driver.list(), [], "it is no machine");

      await t.test("whoever does not fit exactly is started as if it were not there", async () => {
        const bigger = spec({ disks: [rig.disk(), rig.disk()] });
        await driver.start(bigger);
        assert.equal(begunOf(driver, bigger)?.wasOnStandby, undefined);
        assert.deepEqual(driver.standbys(), [template]);
        await driver.stop(bigger, atOnce);
      });
      await t.test("whoever fits is that machine, and nobody else is", async () => {
        const [one, other] = [spec(), spec()];
        await driver.start(one);
        assert.deepEqual(driver.standbys(), []);
        assert.deepEqual(begunOf(driver, one)?.wasOnStandby, true);
        assert.equal(begunOf(driver, one)?.how, "warm");
        await driver.start(other);
        assert.deepEqual(begunOf(driver, other), { ...begunOf(driver, other), how: "warm" });
        assert.equal(begunOf(driver, other)?.wasOnStandby, undefined);
        await driver.stop(other, atOnce);
        await up(rig, driver, one);
        assert.deepEqual(
          (await driver.disks(one)).map(({ id }) => id),
          one.disks.map(({ id }) => id),
        );

        const identity = await rig.identity(one);
        await driver.close();
        driver = rig.open();
        await driver.adopt();
        assert.equal(await rig.identity(one), identity, "an agent that is restarted adopts it");
        assert.equal(begunOf(driver, one)?.wasOnStandby, true);

        await driver.reset(one, none);
        while (guestOf(driver, one) === "up") await rig.aMoment();
        await up(rig, driver, one);
        await rig.kill(one);
        while (guestOf(driver, one) !== "exited") await rig.aMoment();
        const exit = await driver.stop(one, atOnce);
        assert.deepEqual([exit.status, exit.requested], [{ signal: "SIGKILL" }, false]);
        await assert.rejects(driver.start(one), { code: "already_ended" });
      });
      await t.test("whose taps do not come has not run, and may still be started", async () => {
        await driver.standBy(template, like);
        const [one, cable] = [spec(), new Error("its cable is not there")];
        await assert.rejects(driver.start(one, Promise.reject(cable)), cable);
        assert.deepEqual(driver.list(one.id), []);
        await driver.start(one);
        assert.equal(begunOf(driver, one)?.how, "warm");
        await driver.stop(one, atOnce);
      });
      for (const isOnStandby of [true, false]) {
        const how = isOnStandby ? "in a process on standby" : "and none is on standby";
        await t.test(
          `what waits for its taps, ${how}, is never launched once stopped`,
          async () => {
            if (isOnStandby) await driver.standBy(template, like);
            const [one, taps] = [spec(), later()];
            const refused = assert.rejects(driver.start(one, taps.come), { code: "already_ended" });
            await rig.aMoment();
            assert.equal((await driver.stop(one, atOnce)).status, "never-launched");
            await driver.forget(one);
            taps.resolve(undefined);
            await refused;
            assert.deepEqual(driver.list(one.id), []);
            await assert.rejects(driver.start(one), { code: "already_ended" });
            await driver.standDown(template);
          },
        );
        await t.test(`a stop does not wait for taps, ${how}, nor does who is next`, async () => {
          if (isOnStandby) await driver.standBy(template, like);
          const one = spec();
          const next = spec({ id: one.id, generation: 2, disks: one.disks });
          const refused = assert.rejects(driver.start(one, never), { code: "already_ended" });
          await driver.stop(one, atOnce);
          await driver.start(next);
          await refused;
          await driver.forget(one);
          const running = driver.list(one.id).map(({ generation, is }) => [generation, is]);
          assert.deepEqual(running, [[2, "running"]]);
          await driver.stop(next, atOnce);
          await driver.standDown(template);
        });
        await t.test(`a driver that is closed waits for no taps, ${how}`, async () => {
          if (isOnStandby) await driver.standBy(template, like);
          const one = spec();
          const refused = assert.rejects(driver.start(one, never), /being closed/);
          await rig.aMoment();
          await driver.close();
          await refused;
          driver = rig.open();
          assert.deepEqual(await driver.adopt().then(() => driver.list(one.id)), []);
        });
      }
      await t.test("it ends with its driver", async () => {
        await driver.standBy(template, like);
        await driver.close();
        driver = rig.open();
        await driver.adopt();
        assert.deepEqual(driver.standbys(), []);
      });
      await t.test("it can be ended before", async () => {
        await driver.standBy(template, like);
        await driver.standBy(template, like);
        await driver.standDown(template);
        assert.deepEqual(driver.standbys(), [template]);
        await driver.standDown(template);
        await driver.standDown(template);
        assert.deepEqual(driver.standbys(), []);
      });
      await t.test("what cannot be read makes none", async () => {
        rig.spoil(template);
        await assert.rejects(driver.standBy(template, like));
        assert.deepEqual(driver.standbys(), []);
      });
    } finally {
      for (const one of made) await driver.stop(one, atOnce);
      for (const one of made) await driver.forget(one);
      await driver.close();
    }
    assert.deepEqual(await rig.leftovers(), []);
  });
}

const never = new Promise<undefined>(() => {});

function later() {
  let resolve: (cards: undefined) => void = () => {};
  const come = new Promise<undefined>((done) => {
    resolve = done;
  });
  return { come, resolve };
}

function begunOf(driver: Hypervisor, { id, generation }: MachineSpec) {
  const view = driver.list(id).find((each) => each.generation === generation);
  return view?.is === "running" ? view.begun : undefined;
}

function guestOf(driver: Hypervisor, { id }: MachineSpec) {
  const [view] = driver.list(id);
  return view?.is === "running" ? view.guest : view?.is;
}

async function up(rig: StandbyRig, driver: Hypervisor, spec: MachineSpec): Promise<void> {
  while (guestOf(driver, spec) !== "up") await rig.aMoment();
}
