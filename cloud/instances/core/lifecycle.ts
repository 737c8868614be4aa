/**
 * The life of an instance.
 *
 * One table, four readers: the controller moves along it, the API answers 409 from it, the console
 * explains disabled buttons with it, and the docs draw it. Nobody else writes a state.
 *
 * Why `lost` is a state: a silent host is not a stopped instance. Starting a second copy of an
 * instance that still writes would corrupt its disk, so from `lost` only evidence leads on: the host
 * speaks again (`reattached`, `exitObserved`), something proves that it is off (`fenceProven`), or a
 * person puts their name to it (`operatorAttested`). Commands given meanwhile are only written down.
 *
 * While it moves there are two processes of it, and only one runs. It is home where that one is:
 * `switched` makes the destination its home, from wherever the move had led it. No state is left for one
 * without a home before both have ended or are proven dead.
 *
 * Why `failed` is not a dead end: it means that automation has spent its budget. It carries a cause,
 * and `start`, `retry` and `destroy` lead out of it.
 */
import { type EventOf, machine, type StateOf } from "@holdfast/kernel/fsm";

export const lifecycle = machine(
  {
    provisioning: {
      resourcesReady: "stopped",
      opFailed: "failed",
      deadlinePassed: "failed",
      destroy: "expunging",
    },
    stopped: {
      start: "starting",
      autoStart: "starting",
      destroy: "destroyed",
      budgetSpent: "failed",
    },
    starting: {
      bootConfirmed: "running",
      startFailed: "stopped",
      neverLaunched: "stopped",
      exitObserved: "stopped",
      deadlinePassed: "stopping",
      stop: "stopping",
      destroy: "stopping",
      leaseExpired: "lost",
    },
    running: {
      stop: "stopping",
      reboot: "running",
      migrate: "migrating",
      destroy: "stopping",
      exitObserved: "stopped",
      leaseExpired: "lost",
    },
    migrating: {
      switched: "running",
      migrationAborted: "running",
      exitObserved: "stopped",
      deadlinePassed: "migrating",
      stop: "stopping",
      destroy: "stopping",
      leaseExpired: "lost",
    },
    stopping: {
      exitObserved: "stopped",
      exitObservedForDestroy: "destroyed",
      neverLaunched: "stopped",
      switched: "stopping",
      deadlinePassed: "stopping",
      stop: "stopping",
      destroy: "stopping",
      leaseExpired: "lost",
    },
    lost: {
      reattached: "running",
      reattachedStopping: "stopping",
      reattachedMigrating: "migrating",
      switched: "running",
      exitObserved: "stopped",
      fenceProven: "stopped",
      operatorAttested: "stopped",
      deadlinePassed: "lost",
      start: "lost",
      stop: "lost",
      destroy: "lost",
    },
    failed: { start: "starting", retry: "provisioning", destroy: "destroyed" },
    destroyed: { recover: "stopped", expunge: "expunging", undoWindowElapsed: "expunging" },
    expunging: {
      resourcesReleased: "expunged",
      opFailed: "expunging",
      deadlinePassed: "expunging",
    },
    expunged: {},
  },
  {
    // Commands that ask for what already is: a success that changes nothing.
    provisioning: ["start"],
    stopped: ["stop", "recover"],
    starting: ["start"],
    running: ["start"],
    migrating: ["start"],
    failed: ["stop"],
    destroyed: ["stop", "destroy"],
    expunging: ["stop", "destroy", "expunge"],
    expunged: ["stop", "destroy", "expunge"],
  },
);

export type InstanceState = StateOf<typeof lifecycle>;
export type InstanceEvent = EventOf<typeof lifecycle>;

/** Where every instance is born. */
export const firstState = "provisioning" satisfies InstanceState;

/** States in which something is under way: there is an operation, with a deadline and a next action. */
export const transitional: ReadonlySet<InstanceState> = new Set<InstanceState>([
  "provisioning",
  "starting",
  "stopping",
  "migrating",
  "lost",
  "expunging",
]);

/** States in which a host may be running it: it has a home, and holds its capacity. */
export const homed: ReadonlySet<InstanceState> = new Set<InstanceState>([
  "starting",
  "running",
  "stopping",
  "migrating",
  "lost",
]);

/** The only events that may end a home. Each is a statement of fact by somebody who can know. */
export const proofs: ReadonlySet<InstanceEvent> = new Set<InstanceEvent>([
  "exitObserved",
  "exitObservedForDestroy",
  "fenceProven",
  "neverLaunched",
  "operatorAttested",
  "startFailed",
]);

/** Events that people send. All others are facts, timers or the work of a controller. */
export const commands = [
  "start",
  "stop",
  "reboot",
  "migrate",
  "destroy",
  "recover",
  "expunge",
  "retry",
  "operatorAttested",
] as const satisfies readonly InstanceEvent[];
export type Command = (typeof commands)[number];

export const timers: ReadonlySet<InstanceEvent> = new Set<InstanceEvent>([
  "deadlinePassed",
  "leaseExpired",
  "undoWindowElapsed",
]);
