/** What a drill is about to do to whom: everything that was looked at before, and the hand that strikes. */
import type { HostView } from "@holdfast/cloud/hosts/api";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import type { DrillName, Expectation } from "./drills.ts";
import type { Mending } from "./mending.ts";

export interface Plot {
  readonly name: DrillName;
  readonly subject: string;
  readonly expects: Expectation;
  /** All that are up where it strikes. */
  readonly guests: readonly InstanceView[];
  readonly host: HostView | undefined;
  /** How long whatever lasts, lasts; milliseconds. */
  readonly lasting: number;
  /** Does it, and says when that was: milliseconds since the epoch. */
  strike(): Promise<number>;
  readonly mending: Mending;
}

/** A guest's hang takes 10 s to be seen and a busy machine boots for as long. Milliseconds. */
export const patience = 180_000;
/** Often enough to be exact to a frame, seldom enough to be no load; milliseconds. */
export const glance = 50;
