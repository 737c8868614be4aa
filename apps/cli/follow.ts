/**
 * `--wait` for what is no job: asks again and again until a thing is as it should be, or cannot be.
 *
 * Only what is shown of the thing decides. Whoever waits sees the problem that it carries meanwhile, because
 * most of what takes long takes long for a reason.
 */

import { pauseFor } from "@holdfast/client/patience";
import type { VolumeView } from "@holdfast/cloud/volumes/api";
import type { ProblemView } from "@holdfast/kernel/problem";
import { seconds } from "@holdfast/kernel/time";
import { exits } from "./exits.ts";
import { patientCall, refusalText, type Session } from "./session.ts";

/** A problem as a view carries it: the kinds are the manager's, and so ours. */
export type Carried = NonNullable<VolumeView["problem"]>;

export interface Followed<T> {
  /** What is waited for, for people: `data: attaching`. */
  readonly says: (view: T) => string;
  readonly read: () => Promise<T>;
  /** `failed` with the reason, if it carries one. */
  readonly end: (view: T) => "done" | "failed" | undefined;
  readonly problem: (view: T) => Carried | null;
}

/** Resolves with what has become of it; after a failure the exit code says so. */
export async function follow<T>(session: Session, first: T, followed: Followed<T>): Promise<T> {
  const { says, read, end, problem } = followed;
  let view = first;
  while (end(view) === undefined) {
    const why = problem(view);
    session.progress.say(why ? `${says(view)} (${why.message})` : says(view));
    await pauseFor(session.world.clock, seconds(0.5), session.world.interrupted);
    view = await patientCall(session, read);
  }
  session.progress.end();
  if (end(view) === "done") return view;
  const why = problem(view);
  if (why) session.progress.above(refusalText(why as ProblemView, session)); // Its kind is one of ours.
  session.leaveWith(exits.failed.code);
  return view;
}
