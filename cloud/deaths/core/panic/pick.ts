/**
 * Which frame of a stack stands for a stall: of the processor that loops, or of the task that waits.
 *
 * Neither is the top one. A looping processor is caught at a random place of its loop, and a waiting
 * task is a victim: it names what it waits for, not who holds it.
 */
import { isDispatcher } from "./helpers.ts";

/** The part of a frame that matters here. */
interface Named {
  readonly name: string;
}

/** The function that was called last by somebody who calls everybody. */
export function loopingIn<F extends Named>(frames: readonly F[]): F | undefined {
  const at = frames.findIndex(({ name }) => isDispatcher(name));
  const found = frames[at];
  if (!found) return undefined;
  // Waiting for other processors has many callees, all of them inlined now and then.
  if (found.name.includes("smp_call_function")) return { ...found, name: "smp_call_function" };
  return frames[Math.max(0, at - 1)];
}

/** Waits that everybody shares: they are one problem, wherever they are met. */
const sharedWaits: readonly (readonly [RegExp, string | undefined])[] = [
  [/rtnl_lock/, undefined],
  [/synchronize_(?:s?rcu|net|sched)/, "synchronize_rcu"],
];

const mechanics =
  /sched|_lock|_slowlock|down|rwsem|completion|kthread|wait|synchronize|context_switch|__switch_to|cancel_delayed_work|rcu_barrier/;

export function waitingIn<F extends Named>(frames: readonly F[]): F | undefined {
  for (const frame of frames)
    for (const [wait, name] of sharedWaits)
      if (wait.test(frame.name)) return name ? { ...frame, name } : frame;
  return frames.find(({ name }) => !mechanics.test(name));
}
