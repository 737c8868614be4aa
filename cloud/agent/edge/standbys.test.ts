/** Processes on standby on a simulated host. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineSpec } from "@holdfast/drivers/hypervisor";
import { simulatedHypervisor, simulatedWorld } from "@holdfast/drivers/hypervisor/simulated";
import { fileSource } from "@holdfast/kernel/block";
import type { InstanceId } from "@holdfast/kernel/ids";
import { after, type Clock, type Instant, minutes, seconds } from "@holdfast/kernel/time";
import { standbys } from "./standbys.ts";

const boot = { kernel: "/k", initrd: "/i", commandLine: "quiet" };
const like = { cpus: 1, memoryMiB: 128, boot };

function host(roomMiB: number) {
  let now = 1_000_000 as Instant; // Any moment.
  const clock: Clock = {
    now: () => now,
    sleep: async (wait) => {
      now = after(now, wait);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
  const world = simulatedWorld({ bootTime: seconds(5) });
  world.warmTime = seconds(1);
  for (const template of ["/a", "/b"]) world.templates.set(template, "whole");
  const hypervisor = simulatedHypervisor(world, clock);
  const log: string[] = [];
  const mine = standbys({ hypervisor, roomMiB, clock, log: (line) => void log.push(line) });
  const start = async (template: string, number: number) => {
    const spec: MachineSpec = {
      ...{ ...like, id: `0192${number}` as InstanceId, generation: 1, name: "a" }, // Any.
      ...{ requestId: "r", paused: false, template, metadata: {} },
      disks: [{ id: "root", source: fileSource("/d", "qcow2"), readOnly: false }],
    };
    await hypervisor.start(spec);
    const [view] = hypervisor.list(spec.id);
    return view?.is === "running" ? view.begun?.wasOnStandby : undefined;
  };
  return { mine, world, hypervisor, log, start, clock, now: () => now };
}

test("as many as there is room for wait, and who starts takes one, for which another comes when nobody boots", async () => {
  const { mine, hypervisor, start, now } = host(2 * (128 + 64));
  mine.used("/a", like);
  await mine.settled();
  assert.deepEqual(hypervisor.standbys(), ["/a", "/a"]);
  mine.used("/a", like);
  assert.equal(await start("/a", 1), true);
  assert.deepEqual(hypervisor.standbys(), ["/a"]);
  const begun = now();
  await mine.settled();
  assert.deepEqual(hypervisor.standbys(), ["/a", "/a"]);
  assert.ok(now() - begun >= seconds(1), "its guest was up before");
  assert.equal(await start("/b", 2), undefined);
  assert.deepEqual(hypervisor.standbys(), ["/a", "/a"]);
});

test("without room there are none, and of a template that is gone neither", async () => {
  const without = host(0);
  without.mine.used("/a", like);
  await without.mine.settled();
  assert.deepEqual(without.hypervisor.standbys(), []);

  const { mine, hypervisor } = host(1_000);
  mine.used("/a", like);
  await mine.settled();
  mine.gone("/a");
  await mine.settled();
  assert.deepEqual(hypervisor.standbys(), []);
});

test("guests that do not know how are never on standby, and what does not work is let be for a while", async () => {
  const { mine, world, hypervisor, log, clock } = host(1_000);
  world.readsItsRom = () => false;
  mine.used("/a", like);
  await mine.settled();
  assert.deepEqual([hypervisor.standbys(), log], [[], []]);

  world.readsItsRom = () => true;
  world.templates.set("/b", "spoilt");
  for (let time = 0; time < 2; time++) {
    mine.used("/b", like);
    await mine.settled();
  }
  assert.deepEqual(log, ["could not have a process on standby"]);
  world.templates.set("/b", "whole");
  await clock.sleep(minutes(10));
  mine.used("/b", like);
  await mine.settled();
  assert.ok(hypervisor.standbys().includes("/b"));
});
