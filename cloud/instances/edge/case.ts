/** An instance on its way through a pass: what it was, and what has been concluded so far. */
import type { ExitReport } from "@holdfast/cloud/hosts";
import { firstState } from "../core/lifecycle.ts";
import type { Settled } from "../core/settle.ts";
import type { Entry } from "../core/transition.ts";
import type { Loaded } from "./worlds.ts";

export interface Case {
  readonly before: Loaded;
  readonly isNew: boolean;
  settled: Settled;
  /** Of the host that has its incarnation. */
  epoch: number;
  actor: string;
  /** The report of its end, as it came. */
  evidence: ExitReport | undefined;
  isReported: boolean;
}

/** What there is of an instance before its first row. */
export const unborn = {
  hostEpoch: 0,
  volumeHost: undefined,
  lookAt: undefined,
  wasUp: false,
  lastDeath: undefined,
};

export function begin(before: Loaded, isNew: boolean, actor: string): Case {
  const settled: Settled = {
    world: before.world,
    entries: isNew ? [created(before)] : [],
    finished: [],
    wantsPlace: false,
    lookAt: undefined,
  };
  const { hostEpoch } = before;
  return {
    before,
    isNew,
    settled,
    epoch: hostEpoch,
    actor,
    evidence: undefined,
    isReported: false,
  };
}

/** The first row of every timeline. */
const created = ({ world }: Loaded): Entry => ({
  event: "created",
  from: firstState,
  to: firstState,
  job: world.instance.job?.id,
});

export const versionAfter = ({ before }: Case) => before.world.instance.version + 1;

export const isTouched = ({ before, settled }: Case) =>
  before.world.instance !== settled.world.instance;
