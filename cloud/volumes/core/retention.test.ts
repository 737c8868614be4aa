import assert from "node:assert/strict";
import { test } from "node:test";
import type { BackupId } from "@holdfast/kernel/ids";
import { type Instant, minutes } from "@holdfast/kernel/time";
import { expendable, type Keep, nextAfter } from "./retention.ts";

/** A Monday. */
const monday = Date.parse("2026-11-16T00:00:00Z");
const at = (text: string) => Date.parse(text) as Instant;
const backups = (...moments: readonly Instant[]) =>
  moments.map((moment) => ({ id: new Date(moment).toISOString() as BackupId, at: moment }));
const kept = (all: ReturnType<typeof backups>, keep: Keep) => {
  const gone = new Set(expendable(all, keep));
  return all.filter(({ id }) => !gone.has(id)).map(({ id }) => id.slice(0, 16));
};
const none: Keep = { hourly: 0, daily: 0, weekly: 0 };

test("of each hour the last is kept, for as many hours as asked for", () => {
  const all = backups(
    ...["09:10", "09:50", "10:20", "11:05", "11:55"].map((time) => at(`2026-11-21T${time}:00Z`)),
  );
  assert.deepEqual(kept(all, { ...none, hourly: 2 }), ["2026-11-21T10:20", "2026-11-21T11:55"]);
  assert.deepEqual(kept(all, { ...none, hourly: 24 }).length, 3);
});

test("hours and days without a backup do not count: who was away for a week keeps what there was", () => {
  const all = backups(
    at("2026-11-01T10:00:00Z"),
    at("2026-11-02T10:00:00Z"),
    at("2026-11-20T10:00:00Z"),
  );
  assert.deepEqual(kept(all, { ...none, daily: 2 }), ["2026-11-02T10:00", "2026-11-20T10:00"]);
});

test("a week begins on Monday, and one backup may stand for its hour, its day and its week", () => {
  const all = backups(
    (monday - 60_000) as Instant,
    (monday + 60_000) as Instant,
    (monday + 86_400_000) as Instant,
  );
  assert.deepEqual(kept(all, { ...none, weekly: 2 }), ["2026-11-15T23:59", "2026-11-17T00:00"]);
  assert.equal(kept(all, { hourly: 1, daily: 1, weekly: 1 }).length, 1);
});

test("three months of hourly backups come down to 24 hours, 7 days and 4 weeks", () => {
  const all = backups(
    ...Array.from({ length: 90 * 24 }, (_, hour) => (monday + hour * 3_600_000) as Instant),
  );
  const left = kept(all, { hourly: 24, daily: 7, weekly: 4 });
  // The last day is one of the hours; the last week, and the one before that ended on a Sunday, are days.
  assert.equal(left.length, 24 + 6 + 2);
  assert.deepEqual(
    kept(backups(...left.map((id) => at(`${id}:00Z`))), {
      ...{ hourly: 24, daily: 7, weekly: 4 },
    }).length,
    left.length,
    "to thin out twice changes nothing",
  );
});

test("the latest is always kept, and of nothing nothing goes", () => {
  assert.deepEqual(kept(backups(monday as Instant), none), ["2026-11-16T00:00"]);
  assert.deepEqual(expendable([], none), []);
});

const due = monday as Instant;
const slots: readonly [now: number, next: number][] = [
  [0, 60],
  [59, 60],
  [60, 120],
  [600, 660],
  [-5, 60],
];
for (const [now, next] of slots)
  test(`after ${now} minutes the next hourly slot is at ${next}`, () => {
    const after = nextAfter(due, 60, (due + minutes(now)) as Instant);
    assert.equal(after - due, minutes(next));
  });
