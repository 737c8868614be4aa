/** Metadata: what a guest may know of itself, at 169.254.169.254. */
export {
  type Guest,
  GuestNotes,
  type MetadataTokens,
  metadataTokens,
  ScheduledEvent,
} from "./core/guest.ts";
export { interruptionOf } from "./core/interruption.ts";
export { type Answer, answer, type Question } from "./core/request.ts";
