/** One step of an instance: what is to be written down or wished for next. */
import type { Instant } from "@holdfast/kernel/time";
import type { InstanceEvent } from "./lifecycle.ts";
import type { Cause, Desired } from "./model.ts";

export type Action =
  /** Write down that this happened; ./transition.ts says what comes with it. */
  | { readonly do: "move"; readonly event: InstanceEvent; readonly cause?: Cause }
  /** The destination waits for its memory: tell the source where to send it. */
  | { readonly do: "copy" }
  /** All of it was sent: its destination has no longer than the last step may take to say that it runs. */
  | { readonly do: "handOver" }
  /** The platform does not want the move any more; what is to come of it, the hosts say. */
  | { readonly do: "breakOff"; readonly says: string }
  /** Find a host for it. The only step that needs to know about other instances. */
  | { readonly do: "place" }
  /** The platform changes the wish itself, because of what happened. */
  | { readonly do: "want"; readonly desired: Desired; readonly cause: Cause }
  /** The reset that was asked for has been carried out. */
  | { readonly do: "rebooted" }
  /** The clock was set back, and its deadlines with it. */
  | { readonly do: "rebase" }
  /** Try again, but not before `until`; written down, so that a new manager waits just as long. */
  | { readonly do: "backOff"; readonly until: Instant }
  /** Nothing to do until then. */
  | { readonly do: "wait"; readonly until: Instant }
  /** The job that carried the command is over. */
  | { readonly do: "finish"; readonly outcome: "succeeded" | "failed" };
