/** Two accounts of one life: what was heard, and what QEMU's trace kept. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import { type LifeEvent, mostEvents } from "./driver.ts";
import { eventsInTrace, lifeEventOf, openLife, wholeLife } from "./events.ts";
import { processorsIn } from "./hang.ts";
import { pathsOf } from "./incarnation.ts";

const named = (events: readonly LifeEvent[]) => events.map(({ event }) => event);
const event = (at: number, name: string, detail = ""): LifeEvent => ({
  at: at as Instant,
  event: name,
  detail,
});
const start = "22@1000.000000:runstate_set current_run_state 6 (prelaunch) new_state 9 (running)\n";

/** Each row: what QEMU's log says after its start, for how many processors, and what that means. */
const rows: readonly (readonly [string, string, number, readonly string[]])[] = [
  ["a start is nothing to tell", "", 1, []],
  [
    "a panic",
    "22@1001.5:qemu_system_shutdown_request reason=8\n22@1001.6:runstate_set current_run_state 9 (running) new_state 11 (shutdown)\n",
    1,
    ["GUEST_PANICKED", "SHUTDOWN"],
  ],
  [
    "a power button that was pressed twice, and obeyed",
    "22@1001.0:qemu_system_powerdown_request \n22@1003.0:qemu_system_powerdown_request \n22@1004.0:qemu_system_shutdown_request reason=6\n",
    1,
    ["POWERDOWN", "POWERDOWN", "SHUTDOWN"],
  ],
  [
    "a hang",
    "22@1001.0:runstate_set current_run_state 9 (running) new_state 13 (watchdog)\n22@1009.0:qemu_system_shutdown_request reason=2\n",
    1,
    ["WATCHDOG", "STOP", "SHUTDOWN"],
  ],
  [
    "a disk that failed and came back",
    "22@1001.0:runstate_set current_run_state 9 (running) new_state 3 (io-error)\n22@1005.0:runstate_set current_run_state 3 (io-error) new_state 9 (running)\n",
    1,
    ["BLOCK_IO_ERROR", "STOP", "RESUME"],
  ],
  [
    "a signal",
    "1970-01-01T00:16:41.250000Z web qemu-system-x86_64: terminating on signal 15 from pid 7 (init)\n",
    1,
    ["SHUTDOWN"],
  ],
  [
    "one reset in three parts",
    "22@1001.0:guest_cpu_reset cpu=0xa \n22@1001.2:guest_cpu_reset cpu=0xa \n22@1001.4:guest_cpu_reset cpu=0xa \n",
    1,
    ["RESET"],
  ],
  [
    "a kernel that wakes its second processor",
    "22@1001.0:guest_cpu_reset cpu=0xb \n22@1001.1:guest_cpu_reset cpu=0xb \n",
    2,
    [],
  ],
  [
    "a reset of both processors",
    "22@1001.0:guest_cpu_reset cpu=0xa \n22@1001.0:guest_cpu_reset cpu=0xb \n",
    2,
    ["RESET"],
  ],
];

for (const [what, log, cpus, expected] of rows)
  test(`the trace tells of ${what}`, () => {
    assert.deepEqual(named(eventsInTrace(start + log, cpus)), expected);
  });

test("what was heard counts, and what was missed is added at its place", () => {
  const heard = [
    event(1_000, "RESET", '{"reason":"guest-reset"}'),
    event(9_000, "SHUTDOWN", '{"reason":"guest-panic"}'),
  ];
  const traced = [event(1_100, "RESET"), event(5_000, "RESET"), event(9_000, "SHUTDOWN", "{}")];
  assert.deepEqual(wholeLife(heard, traced), [heard[0], traced[1], heard[1]]);
});

test("only what says how a machine fares is kept, with QEMU's own time", () => {
  const now = 5_000 as Instant;
  const at = 4_000 as Instant;
  assert.equal(lifeEventOf({ event: "RTC_CHANGE", at }, now), undefined);
  assert.deepEqual(lifeEventOf({ event: "STOP", at }, now), event(4_000, "STOP"));
  assert.deepEqual(
    lifeEventOf({ event: "WATCHDOG", data: { action: "pause" } }, now),
    event(5_000, "WATCHDOG", '{"action":"pause"}'),
  );
});

test("the file of events stays small, survives its writer and a line that was cut short", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "hf-events-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const paths = {
    ...pathsOf(dir, { id: "x" as InstanceId, generation: 1 }),
    events: join(dir, "e"),
  };
  const life = await openLife(paths);
  for (let i = 0; i < 500; i++) life.note(event(i * 5_000, i % 2 ? "STOP" : "RESUME"));
  life.note(event(499 * 5_000 + 10, "STOP")); // The same again within a second.
  await life.settled();
  assert.equal(life.events().length, mostEvents);
  const text = readFileSync(paths.events, "utf8");
  assert.ok(text.split("\n").length <= 2 * mostEvents + 1);
  const next = await openLife(paths);
  assert.deepEqual(next.events(), life.events());
  const torn = { ...paths, events: join(dir, "torn") };
  writeFileSync(torn.events, `${text.trimEnd()}\n{"at":1,"eve`);
  assert.deepEqual((await openLife(torn)).events(), life.events());
});

test("registers are read for where a processor stood and whether it slept", () => {
  const registers = [
    "CPU#0",
    "RAX=0000000000000000 RBX=ffffffff8240a840",
    "RIP=ffffffff81c0a4c2 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1",
    "CPU#1",
    "RIP=000000000047b6fd RFL=00000202 [-------] CPL=3 II=0 A20=1 SMM=0 HLT=0",
  ].join("\r\n");
  assert.deepEqual(processorsIn(registers), [
    { at: "ffffffff81c0a4c2", isHalted: true },
    { at: "000000000047b6fd", isHalted: false },
  ]);
  assert.deepEqual(processorsIn("unknown command"), []);
});
