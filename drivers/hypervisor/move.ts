/**
 * Where a machine is on its way from one host to another, by what its QEMU says of it.
 *
 * `left` and `arrived` stand still, and which of the two goes on is decided elsewhere. With the rest of its memory coming
 * after it (post-copy) a machine runs before its move has ended, and that end is none of the machine's own any more.
 */

/** It waits for its memory, has all of it, is being sent, has been sent. */
export type Move = "none" | "incoming" | "arrived" | "sent" | "left";

export interface Stage {
  readonly is: Move;
  /** The rest of its memory comes after it. */
  readonly isFollowed: boolean;
}

/** After an event of QEMU, which says the `status` of the move. `isArriving`: it was launched to be sent here. */
export function stageAfter(stage: Stage, status: string, isArriving: boolean): Stage {
  const there = isArriving ? "arrived" : "left";
  if (status === "failed" || status === "cancelled")
    return isArriving ? stage : { ...stage, is: "none" };
  if (status === "completed") return { is: stage.isFollowed ? stage.is : there, isFollowed: false };
  if (status === "postcopy-active") return { is: there, isFollowed: isArriving };
  return !isArriving && stage.is === "none" ? { ...stage, is: "sent" } : stage;
}

/** Whether the status of the move must be known to say where a machine is that is in this run state. */
export const dependsOnStatus = (runState: string, isArriving: boolean): boolean =>
  runState === "running" || runState === "finish-migrate" || (runState === "paused" && isArriving);

/** As an agent finds it that has not heard the events; `status` is that of the move, where it depends on it. */
export function stageIn(
  stage: Stage,
  runState: string,
  status: string,
  isArriving: boolean,
): Stage {
  const isFollowed = status.startsWith("postcopy");
  if (runState === "inmigrate") return { ...stage, is: "incoming" };
  if (runState === "postmigrate") return { ...stage, is: "left" };
  if (runState === "running") return { is: isArriving ? "none" : stage.is, isFollowed };
  if (runState === "finish-migrate") return { is: isFollowed ? "left" : "sent", isFollowed: false };
  if (runState !== "paused" || !isArriving) return stage;
  return { is: isFollowed || status === "completed" ? "arrived" : "incoming", isFollowed };
}
