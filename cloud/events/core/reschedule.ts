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
    return problem("conflict", "event_over", `The event ${id} is ${state}.`, {
      fix: "There is nothing left to move.",
    });
  if (deadline === undefined)
    return problem(
      "conflict",
      "event_fixed",
      `The event ${id} has no deadline, so it cannot be moved.`,
      { fix: "Do it early instead: see what clears it with holdfast events" },
    );
  if (now >= notBefore)
    return problem("conflict", "event_begun", `The event ${id} has begun.`, {
      fix: "It cannot be moved any more.",
    });
  if (after(now, tooLate) > notBefore)
    return problem(
      "conflict",
      "event_imminent",
      `The event ${id} begins in less than five minutes.`,
      { fix: "It cannot be moved any more." },
    );
  if (to < after(now, leastNotice))
    return problem("conflict", "event_notice", "The new time must be at least an hour from now.", {
      fix: `Choose ${iso(after(now, leastNotice))} or later.`,
    });
  if (to >= deadline)
    return problem(
      "conflict",
      "event_deadline",
      `The new time must be before the deadline of the event, ${iso(deadline)}.`,
      { fix: "Choose an earlier time, or do it early yourself: holdfast events" },
    );
  return undefined;
}
