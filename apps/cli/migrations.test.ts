/** What people see of a live migration: how far it is, what it cost, and why it was not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { listMigrations, type MigrationView } from "@holdfast/cloud/instances/migration-api";
import { handle } from "@holdfast/kernel/route";
import type { Instant } from "@holdfast/kernel/time";
import { exits } from "./exits.ts";
import { fakeCloud } from "./fake-cloud.ts";
import { desk } from "./testing.ts";
import { migrationDetails, migrationTable, progressText, verdictOf } from "./text/migrations.ts";
import { noPaint } from "./text/table.ts";

const now = Date.parse("2026-11-21T10:00:00Z") as Instant;
const mib = 2 ** 20;
const progress: NonNullable<MigrationView["progress"]> = {
  at: now,
  status: "active",
  elapsedMs: 4_000,
  remainingBytes: 512 * mib,
  totalBytes: 2_048 * mib,
  disksRemainingBytes: 0,
  bytesPerSecond: 110 * mib,
  dirtyBytesPerSecond: 10 * mib,
  timeLeftMs: 5_120,
  isThrottled: false,
  says: null,
};
const move = (change: Partial<MigrationView> = {}): MigrationView => ({
  id: "0197a000-0000-7000-8000-000000000201",
  instance: "web",
  instanceId: "0197a000-0000-7000-8000-0000000000a1",
  state: "copying",
  from: "host-1",
  to: "host-2",
  generation: 2,
  isAbortWanted: false,
  why: "asked for",
  actor: "ada",
  job: null,
  bandwidthMbps: 800,
  network: null,
  allowPostcopy: false,
  progress,
  says: null,
  problem: null,
  downtimeMs: null,
  totalMs: null,
  startedAt: now - 5_000,
  endedAt: null,
  ...change,
});

test("while it is copied: a bar, what is left, the rate and the time", () => {
  assert.equal(progressText(move()), "[###############-----] 75%, 512 MiB left, 110 MiB/s, 5 s");
  const slow = { ...progress, timeLeftMs: null, isThrottled: true };
  assert.match(progressText(move({ progress: slow })), /no end in sight.*, guest slowed down$/);
  assert.equal(
    progressText(move({ state: "preparing", progress: null })),
    "preparing the destination",
  );
  assert.equal(progressText(move({ isAbortWanted: true })), "is being broken off");
});

test("at its end: where it runs, how long it took and how long the guest stood still", () => {
  const done = move({ state: "done", totalMs: 4_800, downtimeMs: 37.4, endedAt: now });
  assert.equal(verdictOf(done), "web runs on host-2 in 4.8 s; it stood still for 37 ms.");
  const failed = move({
    state: "failed",
    says: "the destination fell silent",
    totalMs: 1,
    endedAt: now,
  });
  assert.equal(verdictOf(failed), "web was not moved to host-2: the destination fell silent.");
});

test("a list tells of each in a line, and one in full of its limits", () => {
  assert.match(
    migrationTable([move()], now, noPaint),
    /web +copying +host-1 +host-2 +5 s ago +\[#+-+\] 75%/,
  );
  const text = migrationDetails(move({ problem: null }), now, noPaint);
  assert.match(text, /^web {2}copying\n(.|\n)*limit +800 Mbit\/s/);
});

test("waiting for one that is over already ends as it ended", async (t) => {
  const over = async (state: MigrationView["state"], line: string) => {
    const found = move({ state, says: "no route", endedAt: now, downtimeMs: 12 });
    const cloud = fakeCloud();
    const migrations = async () => ({ migrations: [found], next: null });
    const one = await desk({
      ...cloud,
      handlers: [handle(listMigrations, migrations), ...cloud.handlers],
    });
    t.after(() => one.stop());
    return (await one.type(line)).code;
  };
  assert.equal(await over("failed", "migrations show web --wait"), exits.failed.code);
  assert.equal(await over("aborted", "migrations show web --wait"), exits.failed.code);
  assert.equal(await over("done", "migrations show web --wait"), exits.ok.code);
  assert.equal(await over("failed", "migrations show web"), exits.ok.code, "that is only a look");
});
