import assert from "node:assert/strict";
import { test } from "node:test";
import type { InstanceId } from "@holdfast/kernel/ids";
import { after, type Instant, minutes } from "@holdfast/kernel/time";
import type { ScheduledEvent } from "./model.ts";
import { refuseReschedule } from "./reschedule.ts";

const now = Date.UTC(2026, 10, 21) as Instant;
const at = (n: number) => after(now, minutes(n));
const event = (more: Partial<ScheduledEvent> = {}): ScheduledEvent => ({
  id: "event-1",
  instance: "i" as InstanceId,
  code: "system-reboot",
  notBefore: at(600),
  notAfter: undefined,
  deadline: at(10_000),
  state: "active",
  ...more,
});

const table: readonly [string, Partial<ScheduledEvent>, number, string | undefined][] = [
  ["to a time between an hour from now and the deadline", {}, 700, undefined],
  ["to an earlier time", {}, 60, undefined],
  ["to the last moment before the deadline", {}, 9_999, undefined],
  ["to the deadline", {}, 10_000, "event_deadline"],
  ["to less than an hour from now", {}, 59, "event_notice"],
  ["to the past", {}, -1, "event_notice"],
  ["without a deadline", { deadline: undefined }, 700, "event_fixed"],
  ["five minutes before it begins", { notBefore: at(5) }, 700, undefined],
  ["less than five minutes before it begins", { notBefore: at(4.99) }, 700, "event_imminent"],
  ["after it has begun", { notBefore: at(-1) }, 700, "event_begun"],
  ["when it is over", { state: "completed" }, 700, "event_over"],
  ["when it was cancelled", { state: "canceled" }, 700, "event_over"],
];

for (const [title, more, to, expected] of table)
  test(`an event is moved ${title}: ${expected ?? "yes"}`, () =>
    assert.equal(refuseReschedule(event(more), at(to), now)?.code, expected));
