/**
 * Everything that can be concluded about one instance without asking anybody: decide, write down,
 * decide again, until there is nothing left, or the next step needs a host.
 *
 * One pass therefore takes an instance as far as it can go, in one transaction, and the journal still
 * shows each step.
 */
import type { Instant } from "@holdfast/kernel/time";
import { decide } from "./decide.ts";
import type { JobRef, World } from "./model.ts";
import { apply, type Changed, type Entry, nextLook } from "./transition.ts";

export interface Settled {
  readonly world: World;
  readonly entries: readonly Entry[];
  /** Jobs that ended on the way. */
  readonly finished: readonly { readonly job: JobRef; readonly outcome: "succeeded" | "failed" }[];
  /** It stopped because the next step is to find a host. */
  readonly wantsPlace: boolean;
  /** When to look again although nothing has happened. */
  readonly lookAt: Instant | undefined;
}

/** More steps than any life has between two facts; reaching it means that two rules disagree. */
const tooMany = 24;

/** `before`: what has been concluded in this pass already, and is to be written down with it. */
export function settle(
  start: World,
  before: Partial<Pick<Settled, "entries" | "finished">> = {},
): Settled {
  let world = start;
  const entries: Entry[] = [...(before.entries ?? [])];
  const finished = [...(before.finished ?? [])];
  const done = (wantsPlace: boolean, lookAt: Instant | undefined): Settled => ({
    world,
    entries,
    finished,
    wantsPlace,
    lookAt,
  });
  for (let step = 0; step < tooMany; step++) {
    const action = decide(world);
    if (!action) return done(false, nextLook(world));
    if (action.do === "wait") return done(false, action.until);
    if (action.do === "place") return done(true, world.now);
    if (action.do === "finish" && world.instance.job)
      finished.push({ job: world.instance.job, outcome: action.outcome });
    const changed: Changed = apply(world, action);
    world = changed.world;
    if (changed.entry) entries.push(changed.entry);
  }
  const trail = entries.map(({ event }) => event).join(", ");
  throw new Error(`instance ${world.instance.id} does not settle: ${trail}`);
}
