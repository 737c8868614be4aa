/** An instance on its way through a pass: what it was, and what has been concluded so far. */
import type { Certified } from "@holdfast/cloud/deaths/edge";
import type { ExitReport } from "@holdfast/cloud/hosts";
import type { HostId } from "@holdfast/kernel/ids";
import { firstState } from "../core/lifecycle.ts";
import { openStates } from "../core/migration-lifecycle.ts";
import type { Incarnation } from "../core/model.ts";
import { type Settled, settle } from "../core/settle.ts";
import type { Entry } from "../core/transition.ts";
import type { MoveAsked } from "./work.ts";
import type { Loaded } from "./worlds.ts";

/** An incarnation that this pass has something to write of. */
export interface Written {
  readonly incarnation: Incarnation;
  readonly epoch: number;
  /** The report of its end, as it came. */
  readonly evidence?: ExitReport;
}

export interface Case {
  readonly before: Loaded;
  readonly isNew: boolean;
  settled: Settled;
  /** Of the host that has its incarnation. */
  epoch: number;
  /** Of the host that its arrival is on, while it moves. */
  arrivalEpoch: number;
  actor: string;
  /** Somebody wants it moved, and it is to be given a destination. */
  move: MoveAsked | undefined;
  /** What the inquest into its process has found, if that has ended in this pass without having been asked to. */
  death: Certified | undefined;
  /** What was asked for or reported in this pass, by generation. */
  readonly written: Map<number, Written>;
}

/** What there is of an instance before its first row. */
export const unborn = {
  hostEpoch: 0,
  arrivalEpoch: 0,
  volumeHost: undefined,
  isVolumeAwaited: false,
  lookAt: undefined,
  soleDisk: undefined,
  wasUp: false,
  hasDependencies: false,
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
  const { hostEpoch, arrivalEpoch } = before;
  return {
    before,
    isNew,
    settled,
    epoch: hostEpoch,
    arrivalEpoch,
    actor,
    move: undefined,
    death: undefined,
    written: new Map(),
  };
}

/** As far as it goes by itself. */
export function conclude(item: Case): void {
  const { generation } = item.settled.world.instance;
  item.settled = settle(item.settled.world, item.settled);
  const { instance, migration } = item.settled.world;
  const isMoved = migration?.state === "switched" && generation < migration.arrival.generation;
  if (isMoved && instance.generation === migration.arrival.generation)
    item.epoch = item.arrivalEpoch;
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

/**
 * The host that has a copy of a local volume which nobody needs any more, once a move has come to its end:
 * where it came from if it got there, where it was to go to if it did not.
 */
export function leftoverOf({ before, settled }: Case): HostId | undefined {
  const { migration } = settled.world;
  if (before.pool !== "local" || !migration || openStates.has(migration.state)) return undefined;
  return migration.state === "switched" ? migration.from : migration.arrival.host;
}

/** The process that was home when this pass began has been seen to end. */
export const isDeparted = ({ before, written }: Case): boolean => {
  const { instance, incarnation } = before.world;
  return (
    incarnation?.phase === "exited" || written.get(instance.generation)?.evidence !== undefined
  );
};
