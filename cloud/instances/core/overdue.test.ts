/** What takes too long: whoever waits is told, the wish stays, and a clock that is set back holds nobody up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { after, milliseconds, minutes, seconds } from "@holdfast/kernel/time";
import { decide } from "./decide.ts";
import type { Instance, World } from "./model.ts";
import { settle } from "./settle.ts";
import { athome, job, now, op, patience, running, world } from "./testing.ts";

const overdue = (kind: "stop" | "locate" | "expunge") => op(kind, { deadline: now });
const stopping = (more: Partial<Instance> = {}) =>
  world(athome({ state: "stopping", desired: "stopped", isForced: true, ...more }), {
    incarnation: running,
  });

const rows: readonly (readonly [string, World, string, string | undefined])[] = [
  [
    "a process that force does not end",
    stopping({ op: overdue("stop"), job: job("stop") }),
    "failed",
    "host-silent",
  ],
  [
    "a host that stays silent",
    world(athome({ state: "lost", op: overdue("locate"), job: job("start") }), {
      lease: "expired",
      incarnation: running,
    }),
    "failed",
    undefined, // Its cause is why it became lost.
  ],
  [
    "a volume that is not deleted at the first asking",
    world({
      state: "expunging",
      desired: "expunged",
      op: overdue("expunge"),
      job: job("expunge"),
    }),
    "running",
    "host-silent",
  ],
  [
    "a volume that is not deleted after five times",
    world({
      state: "expunging",
      desired: "expunged",
      op: { ...overdue("expunge"), attempt: 4 },
      job: job("expunge"),
    }),
    "failed",
    "host-silent",
  ],
];
for (const [what, start, becomes, cause] of rows)
  test(`${what}: the job is ${becomes}, and the wish stays`, () => {
    const { world: end, finished } = settle(start);
    assert.equal(finished[0]?.outcome ?? "running", becomes);
    assert.equal(end.instance.state, start.instance.state);
    assert.equal(end.instance.desired, start.instance.desired);
    assert.equal(end.instance.cause?.class, cause);
    assert.ok(end.instance.op && end.instance.op.deadline > now);
  });

test("a polite stop that takes too long is forced first, and nobody is told yet", () => {
  const { world: end, finished } = settle(
    stopping({ op: overdue("stop"), isForced: false, job: job("stop") }),
  );
  assert.deepEqual(finished, []);
  assert.deepEqual([end.instance.isForced, end.instance.op?.attempt], [true, 0]);
});

test("a start that is being undone can become overdue as well", () => {
  const starting = world(athome({ state: "starting", op: op("start", { deadline: now }) }));
  const undone = settle(starting).world;
  assert.deepEqual([undone.instance.state, undone.instance.op?.kind], ["stopping", "stop"]);
  const later = { ...undone, now: after(now, patience.stoppingForced) };
  const stuck = settle({ ...later, instance: { ...undone.instance, job: job("run") } });
  assert.deepEqual(stuck.finished, [{ job: job("run"), outcome: "failed" }]);
  assert.equal(stuck.world.instance.cause?.class, "boot-timeout");
});

test("what began in the future begins now, and has as long as it had", () => {
  const since = after(now, minutes(60));
  const start = stopping({ op: op("stop", { since, deadline: after(since, seconds(15)) }) });
  const { op: under } = settle(start).world.instance;
  assert.deepEqual([under?.since, under?.deadline], [now, after(now, seconds(15))]);
  const nearly = stopping({ op: op("stop", { since: after(now, milliseconds(500)) }) });
  assert.equal(decide(nearly), undefined, "two answers from one clock may differ by so much");
});

test("a pause that would end in an hour was meant by another clock", () => {
  const crashed = { class: "qemu-crash", says: "", at: now } as const;
  const restarts = [after(now, minutes(60))];
  const notBefore = after(now, minutes(61));
  const waits = { state: "stopped", cause: crashed, restarts, generation: 1 } as const;
  assert.deepEqual(decide(world({ ...waits, notBefore })), { do: "place" });
  const soon = after(now, seconds(1));
  assert.deepEqual(decide(world({ ...waits, notBefore: soon })), { do: "wait", until: soon });
});

test("a reset that was not pressed in time is not wished for any longer, and the next one is", () => {
  const late = world(
    athome({ reboots: 3, op: op("reboot", { deadline: now }), job: job("reboot") }),
    { incarnation: { ...running, reboots: 2 } },
  );
  const given = settle(late);
  assert.deepEqual(given.finished, [{ job: job("reboot"), outcome: "failed" }]);
  assert.equal(given.world.instance.reboots, 2);
});
