/** What a simulated watchdog remembers of its host. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pino } from "pino";
import { type HostState, newHost } from "./state.ts";
import { openWatchdog } from "./watchdog.ts";

for (const [power, isRemembered] of [
  ["on", true],
  ["starting", false],
  ["off", false],
] as const)
  test(`what a guard says is ${isRemembered ? "" : "not "}remembered of a host that is ${power}`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "hf-watchdog-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const watchdogSocket = join(directory, "watchdog.sock");
    let state: HostState = { ...newHost("password", "boot"), power };
    const watchdog = await openWatchdog({
      host: {
        plan: { name: "host-1", watchdogSocket },
        state: () => state,
        change: (patch) => {
          state = { ...state, ...patch };
        },
        bite: () => assert.fail("nobody let it fire"),
      },
      isAtRest: () => false,
      now: () => 1_000,
      log: pino({ level: "silent" }),
    });
    t.after(() => watchdog.close());
    const guard = createConnection(watchdogSocket);
    t.after(() => guard.destroy());
    guard.write("arm 60000\n");
    await new Promise((resolve) => guard.once("data", resolve));
    const expected = isRemembered ? { milliseconds: 60_000, firesAt: 61_000 } : null;
    assert.deepEqual(state.watchdog, expected);
  });
