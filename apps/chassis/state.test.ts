/** What is left of a room when the machine itself was restarted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { afterReboot, newHost } from "./state.ts";

const running = {
  ...newHost("secret", "boot-a"),
  power: "on" as const,
  isFrozen: true,
  namespaceInode: 7,
  watchdog: { milliseconds: 10_000, firesAt: 999_999_999 },
};

test("in the same boot of the machine everything is as it was", () => {
  assert.deepEqual(afterReboot(running, "boot-a"), running);
});

test("after a reboot of the machine its hosts boot as well, with no watchdog of before", () => {
  const { power, readyAt, isFrozen, watchdog, namespaceInode } = afterReboot(running, "boot-b");
  assert.deepEqual(
    { power, readyAt, isFrozen, watchdog, namespaceInode },
    { power: "starting", readyAt: 0, isFrozen: false, watchdog: null, namespaceInode: null },
  );
});

test("a host that was switched off stays off", () => {
  assert.equal(afterReboot({ ...running, power: "off" }, "boot-b").power, "off");
});
