/**
 * What every power switch promises, as tests. Run it on each implementation; see power.test.ts.
 *
 * The point of most of them is that an order's answer is worth nothing and the state is everything.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Power } from "./driver.ts";

/** One machine with a controller that can be made to misbehave. It is on at first. */
export interface PowerRig {
  readonly power: Power;
  isOn(): boolean;
  /** How many orders have reached the controller. */
  orders(): number;
  /** See the twin's conducts. `slow` is slow and still in time. */
  behave(
    conduct: "well" | "dead" | "silent" | "slow" | "refuses" | "deaf" | "strict" | "vague",
  ): void;
  /** Somebody pulls the plug, or puts it back. */
  set(isOn: boolean): void;
  /** The same controller for somebody with the wrong password. */
  readonly stranger: Power;
}

export function powerContract(name: string, makeRig: (t: TestContext) => Promise<PowerRig>): void {
  const promise = (what: string, body: (rig: PowerRig) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => body(await makeRig(t)));

  promise("off means that the machine is off when the promise resolves", async (rig) => {
    await rig.power.powerOff();
    assert.equal(rig.isOn(), false);
    assert.equal(await rig.power.readPower(), "off");
  });

  promise("on means that the machine is on when the promise resolves", async (rig) => {
    rig.set(false);
    await rig.power.powerOn();
    assert.equal(rig.isOn(), true);
    assert.equal(await rig.power.readPower(), "on");
  });

  promise(
    "switching off what is off succeeds, even where the controller refuses it",
    async (rig) => {
      rig.set(false);
      for (const conduct of ["well", "strict", "refuses", "deaf"] as const) {
        rig.behave(conduct);
        await rig.power.powerOff();
      }
      assert.equal(rig.isOn(), false);
      assert.equal(rig.orders(), 0);
    },
  );

  promise("nothing is ordered once it is not wanted any more", async (rig) => {
    await rig.power.powerOff(async () => false);
    assert.deepEqual([rig.isOn(), rig.orders()], [true, 0]);
    rig.behave("refuses");
    let asked = 0;
    await rig.power.powerOff(async () => ++asked < 3);
    assert.deepEqual([rig.isOn(), asked], [true, 3]);
  });

  promise("a machine that goes off while its order is refused is off", async (rig) => {
    rig.behave("refuses");
    const off = rig.power.powerOff();
    setImmediate(() => rig.set(false));
    await off;
  });

  promise("a yes after which the machine stays on is no success", async (rig) => {
    rig.behave("deaf");
    await assert.rejects(rig.power.powerOff(), { code: "power_unchanged" });
    assert.equal(rig.isOn(), true);
    assert.ok(rig.orders() > 0);
  });

  promise("a controller that refuses is named", async (rig) => {
    rig.behave("refuses");
    await assert.rejects(rig.power.powerOff(), { code: "power_refused" });
    assert.equal(await rig.power.readPower(), "on");
  });

  promise("a dead controller proves nothing, whatever the machine does", async (rig) => {
    rig.behave("dead");
    rig.set(false);
    await assert.rejects(rig.power.powerOff(), { code: "power_unreachable" });
    await assert.rejects(rig.power.readPower(), { code: "power_unreachable" });
  });

  promise("a controller that never answers is given up in time", async (rig) => {
    rig.behave("silent");
    await assert.rejects(rig.power.powerOff(), { code: "power_unreachable" });
  });

  promise("a slow controller is waited for", async (rig) => {
    rig.behave("slow");
    await rig.power.powerOff();
    assert.equal(rig.isOn(), false);
  });

  promise("a controller that comes back in time is enough", async (rig) => {
    rig.behave("dead");
    const off = rig.power.powerOff();
    setTimeout(() => rig.behave("well"), 100);
    await off;
    assert.equal(rig.isOn(), false);
  });

  promise("no power state is neither on nor off", async (rig) => {
    rig.set(false);
    rig.behave("vague");
    await assert.rejects(rig.power.readPower(), { code: "power_unreadable" });
    await assert.rejects(rig.power.powerOff(), { code: "power_unreadable" });
  });

  promise("a wrong password is said at once and switches nothing", async (rig) => {
    await assert.rejects(rig.stranger.powerOff(), { code: "power_forbidden" });
    await assert.rejects(rig.stranger.readPower(), { code: "power_forbidden" });
    assert.equal(rig.isOn(), true);
  });
}
