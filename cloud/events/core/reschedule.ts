/**
 * Whether an event may be moved to another time. The rules and their numbers are EC2's: only one that has a
 * deadline and has not begun, not in its last five minutes, to at least an hour from now and before the
 * deadline.
 */
import { type Problem, problem } from "@holdfast/kernel/problem";
import { after, type Instant, iso, minutes } from "@holdfast/kernel/time";
import type { ScheduledEvent } from "./model.ts";

/** It may be under way already. */
const tooLate = minutes(5);
const leastNotice = minutes(60);

/** Undefined: it may. */
export function refuseReschedule(
  { id, state, notBefore, deadline }: ScheduledEvent,
  to: Instant,
  now: Instant,
): Problem | undefined {
  if (state !== "active")
    return refused("event_over", `The event ${id} is ${state}.`, "There is nothing left to move.");
  if (deadline === undefined)
    return refused(
      "event_fixed",
      `The event ${id} has no deadline, so it cannot be moved.`,
      "Do it early instead: see what clears it with holdfast events",
    );
  if (now >= notBefore)
    return refused("event_begun", `The event ${id} has begun.`, "It cannot be moved any more.");
  if (after(now, tooLate) > notBefore)
    return refused(
      "event_imminent",
      `The event ${id} begins in less than five minutes.`,
      "It cannot be moved any more.",
    );
  if (to < after(now, leastNotice))
    return refused(
      "event_notice",
      "The new time must be at least an hour from now.",
      `Choose ${iso(after(now, leastNotice))} or later.`,
    );
  if (to >= deadline)
    return refused(
      "event_deadline",
      `The new time must be before the deadline of the event, ${iso(deadline)}.`,
      "Choose an earlier time, or do it early yourself: holdfast events",
    );
  return undefined;
}

const refused = (code: string, message: string, fix: string) =>
  problem("conflict", code, message, { fix });
