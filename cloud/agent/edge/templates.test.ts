/** Templates of a simulated host, and in files. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Wish } from "@holdfast/cloud/hosts";
import type { MachineSpec } from "@holdfast/drivers/hypervisor";
import { simulatedHypervisor, simulatedWorld } from "@holdfast/drivers/hypervisor/simulated";
import type { InstanceId } from "@holdfast/kernel/ids";
import { after, type Clock, type Instant, minutes, seconds } from "@holdfast/kernel/time";
import { fileTemplates, memoryTemplates } from "./template-shelf.ts";
import { templates } from "./templates.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}` as const;
const boot = { kernel: "/k", initrd: "/i", commandLine: "quiet" };

/** As much of a wish and of a machine as is looked at here. */
function asked(warm: boolean, memoryMiB = 128): [Wish, MachineSpec] {
  const id = `0192${memoryMiB}` as InstanceId; // Any.
  const direct = { kernel: digest("1"), initrd: digest("2"), commandLine: boot.commandLine };
  const spec = { image: { direct, warm } };
  return [
    { instance: id, spec } as Wish, // Nothing else of it is read.
    {
      ...{ id, generation: 1, name: "a", requestId: "r", paused: false },
      ...{ cpus: 1, memoryMiB, boot, disks: [], metadata: {} },
    },
  ];
}

function host(limit = 2 ** 30, shelf = memoryTemplates()) {
  let now = 1_000_000 as Instant; // Any moment.
  const clock: Clock = {
    now: () => now,
    sleep: async (wait) => {
      now = after(now, wait);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
  const world = simulatedWorld({ bootTime: seconds(5) });
  const hypervisor = simulatedHypervisor(world, clock);
  const log: string[] = [];
  const mine = templates({ hypervisor, shelf, limit, clock, log: (line) => void log.push(line) });
  return {
    ...{ mine, world, hypervisor, log, shelf },
    turn: (by: Parameters<Clock["sleep"]>[0]) => clock.sleep(by),
    now: () => now,
  };
}

test("the first is told of none, and the second of the one that was made meanwhile, once", async () => {
  const { mine, world } = host();
  assert.equal(await mine.find(...asked(true)), undefined);
  assert.equal(await mine.find(...asked(true)), undefined);
  await mine.settled();
  assert.equal(world.templates.size, 1);
  assert.deepEqual([await mine.find(...asked(true))], [...world.templates.keys()]);
});

test("an image whose owner has not said that it is safe has none, and a host without room neither", async () => {
  for (const { mine, world, warm } of [
    { ...host(), warm: false },
    { ...host(0), warm: true },
  ]) {
    await mine.find(...asked(warm));
    await mine.settled();
    assert.equal(world.templates.size, 0);
  }
});

test("none is made while a guest boots", async () => {
  const { mine, hypervisor, world, now } = host();
  const begun = now();
  const [wish, spec] = asked(true);
  await hypervisor.start(spec);
  await mine.find(wish, spec);
  await mine.settled();
  assert.equal(world.templates.size, 1);
  assert.ok(now() - begun >= seconds(5));
});

test("what cannot be made is tried again after an hour, and not before", async () => {
  const { mine, world, turn, log } = host();
  let tries = 0;
  world.waitsForItsName = () => {
    tries++;
    return false;
  };
  for (const wait of [seconds(1), minutes(59), minutes(2)]) {
    await mine.find(...asked(true));
    await mine.settled();
    await turn(wait);
  }
  assert.equal(tries, 1);
  await mine.find(...asked(true));
  await mine.settled();
  assert.equal(tries, 2);
  assert.deepEqual(log, Array(2).fill("could not make a template"));
});

test("one that was of no use is thrown away, and not made again at once", async () => {
  const { mine, shelf } = host();
  await mine.find(...asked(true));
  await mine.settled();
  await mine.discard((await mine.find(...asked(true))) ?? "");
  assert.equal(await mine.find(...asked(true)), undefined);
  await mine.settled();
  assert.deepEqual(await shelf.load(), []);
});

test("the one that was used longest ago makes room for a new one", async () => {
  const { mine, turn } = host(300 * 2 ** 20);
  for (const size of [100, 101]) {
    await mine.find(...asked(true, size));
    await mine.settled();
    await turn(seconds(1));
  }
  await mine.find(...asked(true, 100));
  await turn(seconds(1));
  await mine.find(...asked(true, 102));
  await mine.settled();
  assert.ok(await mine.find(...asked(true, 102)));
  assert.ok(await mine.find(...asked(true, 100)));
  assert.equal(await mine.find(...asked(true, 101)), undefined);
  await mine.settled();
});

test("when one was used is written once a minute, the next time where that failed, and by a clock that was set back", async () => {
  const shelf = memoryTemplates();
  const written: Instant[] = [];
  let isFull = false;
  const { mine, turn, now } = host(2 ** 30, {
    ...shelf,
    async seal(template) {
      if (isFull) throw new Error("no space left");
      written.push(template.usedAt);
      await shelf.seal(template);
    },
  });
  const use = async (later: Parameters<typeof turn>[0]) => {
    await turn(later);
    await mine.find(...asked(true));
    await mine.settled();
  };
  await use(seconds(0)); // Makes it, which is written as well.
  const expected = [now()];
  await use(seconds(30));
  isFull = true;
  await use(minutes(1));
  isFull = false;
  for (const later of [seconds(1), minutes(-60)]) {
    await use(later);
    expected.push(now());
  }
  await use(seconds(1));
  assert.deepEqual(written, expected);
});

test("a restarted agent finds what was whole, and deletes what was half made", async () => {
  const root = mkdtempSync(join(tmpdir(), "hf-templates-"));
  try {
    const first = host(2 ** 30, await fileTemplates(root));
    await first.mine.find(...asked(true));
    await first.mine.settled();
    const whole = await first.mine.find(...asked(true));
    const half = await first.shelf.make();
    writeFileSync(join(half, "state"), "cut sh");
    const second = host(2 ** 30, await fileTemplates(root));
    await second.mine.open();
    assert.equal(await second.mine.find(...asked(true)), whole);
    assert.equal(existsSync(half), false);
    await Promise.all([first, second].map(({ mine }) => mine.settled()));
  } finally {
    rmSync(root, { recursive: true });
  }
});
