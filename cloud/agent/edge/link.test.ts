/** The agent's end of the link, where nobody answers. */
import assert from "node:assert/strict";
import { mock, type TestContext, test } from "node:test";
import { openLink } from "./link.ts";

/** A link whose manager says what it is told to say. Nothing else of what it is given is asked in these tests. */
function linked(t: TestContext, more: object = {}) {
  let now = 0;
  const said: { say: string }[] = [];
  let hear = (_: string) => {};
  const link = openLink({
    dial: async (onText: (text: string) => void) => {
      hear = onText;
      return { send: (text: string) => said.push(JSON.parse(text)), close() {} };
    },
    ticks: () => now,
    keeper: {
      ...{ held: () => [], reports: () => [], migrations: () => [] },
      ...{ enter: async () => {}, limitStarts() {}, ...more },
    },
    storekeeper: { unrecorded: () => [] },
    machine: { pools: [], storage: [] },
    epoch: { known: () => null, remember() {} },
    guard: () => null,
    onRenewed() {},
    log() {},
  } as unknown as Parameters<typeof openLink>[0]);
  t.after(() => link.close());
  return {
    link,
    said,
    hear: async (message: object) => {
      hear(JSON.stringify(message));
      await settled();
    },
    pass: (time: number) => {
      now += time;
    },
  };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));
const welcome = {
  say: "welcome",
  host: "0190f5a0-0000-7000-8000-000000000001",
  ...{ name: "host-1", zone: "zone-1", epoch: 1, heartbeat: 1_000, concurrentStarts: 1 },
  ...{ lease: 5_000, killBudget: 3_000, watchdog: 10_000 },
};

test("a lease runs from when it was asked for, however long the answer was under way", async (t) => {
  const { link, hear, pass } = linked(t);
  await settled();
  await hear(welcome);
  pass(4_000);
  await hear({ say: "beat", sentAt: 0 });
  assert.ok(link.hasLease(1));
  pass(1_000);
  assert.equal(link.hasLease(1), false);
});

test("a host says hello again only when it has ended what may be running elsewhere", async (t) => {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const { said, hear } = linked(t, { purge: () => ended });
  await settled();
  await hear({ say: "purge", machines: [{ instance: welcome.host, generation: 1 }] });
  assert.deepEqual(
    said.map(({ say }) => say),
    ["hello"],
  );
  end();
  await settled();
  assert.deepEqual(
    said.map(({ say }) => say),
    ["hello", "hello"],
  );
});

test("a host that is asked says hello once more on the same connection", async (t) => {
  const { said, hear } = linked(t);
  await settled();
  await hear({ say: "again" });
  assert.deepEqual(
    said.map(({ say }) => say),
    ["hello", "hello"],
  );
});

test("a manager that takes the connection and says nothing is given up, and another is tried", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  t.after(() => mock.timers.reset());
  let now = 0;
  const dialled: number[] = [];
  const closed: number[] = [];
  const link = openLink({
    dial: async () => {
      const wire = dialled.push(now);
      return { send() {}, close: () => void closed.push(wire) };
    },
    ticks: () => now,
    keeper: { held: () => [], reports: () => [] },
    machine: { pools: [], storage: [] },
    epoch: { known: () => null, remember() {} },
    log() {},
  } as unknown as Parameters<typeof openLink>[0]); // Nothing else is asked before a welcome.
  const pass = async (time: number) => {
    for (let passed = 0; passed < time; passed += 100) {
      now += 100;
      mock.timers.tick(100);
      await Promise.resolve();
    }
  };
  await pass(9_000);
  assert.deepEqual([dialled.length, closed], [1, []], "it may take a while");
  await pass(3_000);
  assert.equal(dialled.length, 2);
  assert.deepEqual(closed, [1]);
  link.close();
});
