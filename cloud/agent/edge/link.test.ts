/** The agent's end of the link, where nobody answers. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { openLink } from "./link.ts";

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
