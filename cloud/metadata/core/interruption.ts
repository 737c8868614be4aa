/** From what is planned for a guest to the notice that it is about to be ended. */
import type { ScheduledEvent } from "./guest.ts";

/** EC2 tells its spot instances two minutes before. */
const notice = 120_000;

/** It is ended where it is, and starts anew somewhere else if at all. */
export const isEnding = ({ code, state }: ScheduledEvent) =>
  state === "active" && (code === "instance-stop" || code === "instance-retirement");

/** `now` is the host's own clock: nobody has to tell it again when the moment comes. */
export function interruptionOf(
  events: readonly ScheduledEvent[],
  now: number,
): { readonly action: "stop"; readonly at: number } | undefined {
  const at = Math.min(...events.filter(isEnding).map(({ notBefore }) => notBefore));
  return at - now <= notice ? { action: "stop", at } : undefined;
}
