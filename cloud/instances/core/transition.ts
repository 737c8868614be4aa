/**
 * What comes with each step of a life: the operation and its deadline, the home, the generation.
 *
 * This is the only place that changes an instance. It is pure; the controller writes the result and
 * the journal rows in one transaction, so the row is always what the journal adds up to.
 */
import type { HostId, JobId } from "@holdfast/kernel/ids";
import { after, type Duration, type Instant, seconds, since } from "@holdfast/kernel/time";
import type { Action } from "./action.ts";
import { homed, type InstanceEvent, lifecycle } from "./lifecycle.ts";
import { broken, copyingTime, openMigration, stepped } from "./migration.ts";
import type { Cause, Incarnation, Instance, Migration, Op, OpKind, World } from "./model.ts";
import { recent } from "./restarts.ts";

/** One row of the journal: what happened, and what it changed. */
export interface Entry {
  readonly event: string;
  readonly from: Instance["state"];
  readonly to: Instance["state"];
  readonly cause?: Cause;
  /** The job that was being carried out. */
  readonly job: JobId | undefined;
  /** Of the process that it was about, if the pass has given it another since. */
  readonly generation?: number;
}

export interface Changed {
  readonly world: World;
  readonly entry: Entry | undefined;
}

/** Write down an action that needs nothing from outside. */
export function apply(world: World, action: Exclude<Action, { do: "place" | "wait" }>): Changed {
  const { instance, now, patience } = world;
  const { state } = instance;
  const job = instance.job?.id;
  switch (action.do) {
    case "move":
      return moved(world, action.event, action.cause);
    case "want":
      return {
        world: { ...world, instance: { ...instance, desired: action.desired } },
        entry: {
          event: `want-${action.desired}`,
          from: state,
          to: state,
          cause: action.cause,
          job,
        },
      };
    case "rebooted":
      return {
        world: { ...world, instance: { ...instance, op: undefined } },
        entry: { event: "rebooted", from: state, to: state, job },
      };
    case "copy": {
      const { migration } = world;
      if (!migration) return { world, entry: undefined };
      const op = underWay(
        world,
        "copying its memory to the destination",
        copyingTime(migration.terms),
      );
      return {
        world: { ...world, migration: stepped(migration, "copy"), instance: { ...instance, op } },
        entry: undefined,
      };
    }
    case "handOver": {
      const { migration } = world;
      if (!migration) return { world, entry: undefined };
      const op = underWay(
        world,
        "waiting for its destination to say that it runs",
        migration.terms.switching,
      );
      return { world: { ...world, instance: { ...instance, op } }, entry: undefined };
    }
    case "breakOff":
      return { world: brokenOff(world, "given-up", action.says), entry: undefined };
    case "rebase":
      return {
        world: {
          ...world,
          instance: { ...instance, op: instance.op && begunNow(instance.op, now) },
        },
        entry: undefined,
      };
    case "backOff": {
      // Waiting for room is not a restart: it costs nothing of the budget.
      const counts = instance.cause?.class !== "insufficient-capacity";
      const restarts = recent(instance.restarts, now, patience);
      const next = counts ? [...restarts, now] : restarts;
      return {
        world: { ...world, instance: { ...instance, restarts: next, notBefore: action.until } },
        entry: undefined,
      };
    }
    case "finish":
      return {
        world: {
          ...world,
          instance: {
            ...instance,
            job: undefined,
            op: opAfter(instance),
            reboots: rebootsAfter(instance),
          },
        },
        entry: undefined,
      };
  }
}

/** Never launched yet: a host is about to be told. */
const asked = (generation: number, host: HostId): Incarnation => ({
  generation,
  host,
  phase: "asked",
  guest: "booting",
  reboots: 0,
  ending: undefined,
});

/** A host was found and its capacity reserved: the next generation starts there. */
export function placed(world: World, host: HostId): Changed {
  const { instance } = world;
  const generation = instance.lastGeneration + 1;
  const incarnation = asked(generation, host);
  const next = {
    ...instance,
    generation,
    lastGeneration: generation,
    home: host,
    lastHost: host,
    reboots: 0,
    notBefore: undefined,
  };
  const event = instance.job || instance.state === "failed" ? "start" : "autoStart";
  return moved({ ...world, instance: next, incarnation, lease: "valid", fence: undefined }, event);
}

/** A destination was found and its capacity reserved: the next generation is to wait for this one there. */
export function departing(
  world: World,
  host: HostId,
  { id, terms }: Pick<Migration, "id" | "terms">,
): Changed {
  const { instance } = world;
  const { home: from } = instance;
  if (!from) throw new Error(`instance ${instance.id} is to move and has no home`);
  const generation = instance.lastGeneration + 1;
  const migration: Migration = {
    id,
    state: "preparing",
    from,
    arrival: asked(generation, host),
    lease: "valid",
    fence: undefined,
    relay: undefined,
    abort: undefined,
    hasGivenUp: false,
    hasSent: false,
    says: undefined,
    problem: undefined,
    terms,
  };
  const next = { ...instance, lastGeneration: generation };
  return moved({ ...world, instance: next, migration }, "migrate");
}

/** It is not wanted any more. Whether it is too late for that, the two hosts say. */
export function brokenOff(
  world: World,
  abort: NonNullable<Migration["abort"]>,
  says: string,
): World {
  const { instance, migration } = world;
  if (!migration) return world;
  const op = underWay(world, `breaking the move off: ${says}`, world.patience.abortingMigration);
  return {
    ...world,
    instance: { ...instance, op },
    migration: { ...migration, abort: migration.abort ?? abort, says: migration.says ?? says },
  };
}

const underWay = ({ now }: World, step: string, wait: Duration): Op => ({
  kind: "migrate",
  step,
  since: now,
  deadline: after(now, wait),
  attempt: 0,
});

/** No host would have it. The cause carries the verdict of each. That it is still so is no news, all night. */
export function unplaced(world: World, cause: Cause): Changed {
  const { state, job, cause: known } = world.instance;
  const isNews = job !== undefined || known?.class !== cause.class || known.says !== cause.says;
  return {
    world: { ...world, instance: { ...world.instance, cause, notBefore: undefined } },
    entry: isNews
      ? { event: "placementRefused", from: state, to: state, cause, job: job?.id }
      : undefined,
  };
}

/** A step along the table, with everything that comes with it. */
export function moved(before: World, event: InstanceEvent, cause?: Cause): Changed {
  const world = relocated(before, event, cause);
  const { instance } = world;
  const from = instance.state;
  const to = lifecycle.next(from, event);
  if (!to) throw new Error(`decided on ${event} in ${from}, which the lifecycle does not have`);
  const kept = keepCause(instance, event, cause);
  const next: Instance = {
    ...instance,
    state: to,
    op: opFor(world, event, to),
    home: homed.has(to) ? instance.home : undefined,
    isForced: forcedAfter(instance, event, to),
    cause: kept,
    reboots: event === "reboot" ? rebootsWished(world) + 1 : instance.reboots,
    avoidHosts: avoidedAfter(instance, event, to),
    destroyedAt: to === "destroyed" ? world.now : undefined,
  };
  const job = instance.job?.id;
  const entry: Entry =
    kept && kept !== instance.cause
      ? { event, from, to, cause: kept, job }
      : { event, from, to, job };
  return { world: { ...world, instance: next }, entry };
}

/** What the event makes of the move that is under way; its arrival is home, or gone, or still to come. */
function relocated(world: World, event: InstanceEvent, cause?: Cause): World {
  const migration = openMigration(world);
  if (!migration) return world;
  const { arrival, lease, fence } = migration;
  const { instance } = world;
  const to = lifecycle.next(instance.state, event);
  if (event === "switched")
    return {
      ...world,
      instance: {
        ...instance,
        generation: arrival.generation,
        home: arrival.host,
        lastHost: arrival.host,
        reboots: 0,
      },
      incarnation: arrival,
      lease,
      fence,
      migration: stepped(migration, "switched"),
    };
  if (event === "deadlinePassed" && to === "migrating" && migration.abort === undefined)
    return brokenOff(world, "given-up", "it did not get done in time");
  const why =
    arrival.ending?.cause.says ?? (fence && `its destination was proven dead: ${fence.says}`);
  if (event === "migrationAborted")
    return {
      ...world,
      migration: {
        ...broken(migration, why ?? "its destination does not wait for it any more"),
        problem: arrival.ending?.cause.problem ?? migration.problem,
      },
    };
  const says = cause?.says ?? "It was ended meanwhile.";
  return to && homed.has(to) ? world : { ...world, migration: broken(migration, says) };
}

/** A cause belongs to an ending. It is gone once the instance runs, and a start that took too long
 *  is not explained by the kill that ended it. */
function keepCause(instance: Instance, event: InstanceEvent, cause?: Cause): Cause | undefined {
  if (forgiving.has(event)) return undefined;
  if (instance.cause?.class === "boot-timeout" && instance.state === "stopping")
    return instance.cause;
  return cause ?? instance.cause;
}

const forgiving: ReadonlySet<InstanceEvent> = new Set([
  "bootConfirmed",
  "reattached",
  "reattachedMigrating",
  "switched",
  "migrationAborted",
  "recover",
  "retry",
]);

/** One that was given up may have been pressed after all. */
const rebootsWished = ({ instance, incarnation }: World) =>
  Math.max(instance.reboots, incarnation?.reboots ?? 0);

function forcedAfter(instance: Instance, event: InstanceEvent, to: Instance["state"]): boolean {
  if (to === "stopping") return event === "deadlinePassed" || instance.isForced;
  return event === "reboot" || to === "lost" ? instance.isForced : false;
}

function avoidedAfter(instance: Instance, event: InstanceEvent, to: Instance["state"]) {
  if (event === "startFailed" && instance.home) return [instance.home];
  return to === "running" ? [] : instance.avoidHosts;
}

/** Which operation is under way after `event`, and by when something else will be tried. */
function opFor({ instance, now, patience }: World, event: InstanceEvent, to: Instance["state"]) {
  const before = instance.op;
  const begin = (kind: OpKind, step: string, wait: Duration): Op => ({
    kind,
    step,
    since: now,
    deadline: after(now, wait),
    attempt: 0,
  });
  const again = (step: string, wait: Duration): Op => ({
    kind: before?.kind ?? "stop",
    step,
    since: before?.since ?? now,
    deadline: after(now, wait),
    attempt: (before?.attempt ?? 0) + 1,
  });
  switch (to) {
    case "provisioning":
      return begin("provision", "waiting for the image", patience.provisioning);
    case "starting":
      return begin("start", "waiting for the host to confirm the start", patience.starting);
    case "running":
      return event === "reboot"
        ? begin("reboot", "waiting for the reset", patience.rebooting)
        : undefined;
    case "stopping":
      if (event !== "deadlinePassed") {
        const { desired } = instance;
        const isQuick = instance.isForced || desired === "destroyed" || desired === "expunged";
        return isQuick
          ? begin("stop", "ending the guest's process", patience.stoppingForced)
          : begin("stop", "asking the guest to shut down", patience.stoppingGracefully);
      }
      // There is nothing harder to try than what has been tried: what is left is to ask again.
      return before?.kind === "stop" && instance.isForced
        ? again("overdue: the host does not confirm the end", seconds(60))
        : begin("stop", "ending the guest's process", patience.stoppingForced);
    case "lost":
      return event === "deadlinePassed"
        ? again("overdue: nothing has proven it dead or alive", seconds(60))
        : event === "leaseExpired"
          ? begin("locate", "waiting for its host, or a proof that it is off", patience.lost)
          : before;
    case "expunging":
      return event === "deadlinePassed" || event === "opFailed"
        ? again("waiting for the host to delete the volume", backoff(before?.attempt ?? 0))
        : begin("expunge", "waiting for the host to delete the volume", patience.expunging);
    case "migrating":
      if (event === "migrate")
        return begin("migrate", "preparing the destination", patience.preparingMigration);
      if (event !== "deadlinePassed")
        return begin("migrate", "waiting for what the hosts say of it", patience.abortingMigration);
      // Broken off a moment ago, because of this deadline: that has one of its own.
      if (before && now < before.deadline) return before;
      return again("overdue: the hosts do not say what has become of the move", seconds(60));
    default:
      return undefined;
  }
}

/** The clock was set back: what seems to begin in the future begins now, and has as long as it had. */
const begunNow = (op: Op, now: Instant): Op => ({
  ...op,
  since: now,
  deadline: after(now, since(op.since, op.deadline)),
});

/** 1, 2, 4, … 300 s. */
const backoff = (attempt: number) => seconds(Math.min(300, 2 ** attempt));

/** A command that has been answered leaves no operation behind, unless the state itself is one. */
function opAfter({ op, state }: Instance): Op | undefined {
  return op?.kind === "reboot" && state === "running" ? undefined : op;
}

/** A reset that was not pressed in time is not wished for any longer: nobody expects it an hour later. */
const rebootsAfter = ({ op, reboots }: Instance) => (op?.kind === "reboot" ? reboots - 1 : reboots);

/** The moment at which time alone would change something; undefined when nothing would. */
export function nextLook({ instance, patience }: World): Instant | undefined {
  const { state, op, notBefore, desired, destroyedAt } = instance;
  if (op) return op.deadline;
  if (state === "stopped" && desired === "running") return notBefore;
  if (destroyedAt !== undefined) return after(destroyedAt, patience.undoWindow);
  return undefined;
}
