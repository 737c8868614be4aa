/**
 * What a person's command changes: the wish, and who is told when it has come true.
 *
 * A command never does anything. It is either refused with the state, the operation in the way and when
 * to try again, or written down; deciding goes on from there like after any other change.
 */
import { type ActivityRequest, judge, type UnderWay } from "@holdfast/cloud/volumes";
import { type Problem, problem } from "@holdfast/kernel/problem";
import { since } from "@holdfast/kernel/time";
import { type Command, lifecycle } from "./lifecycle.ts";
import { openMigration } from "./migration.ts";
import type { Desired, Instance, JobRef, World } from "./model.ts";
import { brokenOff, type Entry, moved } from "./transition.ts";

export interface Order {
  /** `relaunch`: end the process and start the next generation, elsewhere if there is somewhere else. */
  readonly verb:
    | Extract<Command, "start" | "stop" | "reboot" | "destroy" | "recover" | "expunge">
    | "relaunch"
    | "abort";
  readonly force: boolean;
  readonly job: JobRef;
  readonly requestId: string;
  /**
   * It takes back a command that is still being carried out. While that goes on only the wish changes:
   * a guest that was told to shut down does so, and is started again after.
   */
  readonly isUndo?: boolean;
}

export type Obeyed =
  /** Written down; `superseded` is the job that will now never come true. */
  | {
      readonly world: World;
      readonly entries: readonly Entry[];
      readonly superseded: JobRef | undefined;
      /** It asks for what already is: its job has succeeded, and changes nothing. */
      readonly isDone?: true;
    }
  | { readonly refused: Problem };

const wishes: Record<Order["verb"], Desired | undefined> = {
  start: "running",
  stop: "stopped",
  reboot: undefined,
  relaunch: undefined,
  abort: undefined,
  destroy: "destroyed",
  recover: "stopped",
  expunge: "expunged",
};

/** What a command is to whatever is being done with the volumes. The others have nothing to do with them. */
const requests: Readonly<Partial<Record<Order["verb"], ActivityRequest>>> = {
  start: "start",
  relaunch: "start",
  stop: "stop",
  reboot: "stop",
  destroy: "destroy",
};

export function obey(world: World, order: Order): Obeyed {
  const { instance, underWay } = world;
  const { verb, force, job, requestId } = order;
  const request = requests[verb];
  const holder =
    request && underWay.find(({ activity }) => judge(request, [activity]) === "refuse");
  if (holder) return { refused: volumeBusy(world, verb, holder) };
  if (verb === "relaunch") return relaunch(world, order);
  if (verb === "abort") return abort(world, order);
  const reaction = lifecycle.react(instance.state, verb);
  const isUnderWay = order.isUndo === true && instance.state === "stopping";
  if ("refused" in reaction && !isUnderWay)
    return { refused: notNow(world, verb, reaction.accepting) };
  if (verb === "destroy" && instance.isProtected) return { refused: isProtected(instance) };
  // What was thrown away is taken back by `recover` and by nothing else, least of all by a `stop` that came late.
  if (isThrownAway(instance) && (verb === "start" || verb === "stop")) {
    if (!("ignored" in reaction)) return { refused: isToGo(world, verb) };
    const entry: Entry = { ...unmoved(instance, verb), job: job.id };
    return { world, entries: [entry], superseded: undefined, isDone: true };
  }

  const desired = wishes[verb] ?? instance.desired;
  const given: Instance = {
    ...instance,
    desired,
    job,
    requestId,
    isForced: force || (instance.isForced && instance.state === "stopping"),
    // A new command to start begins with a clean slate: what failed before may have been mended.
    ...(verb === "start" && !instance.home
      ? { cause: undefined, restarts: [], notBefore: undefined, avoidHosts: [] }
      : {}),
  };
  const { state } = instance;
  const wish: Entry = { event: `command-${verb}`, from: state, to: state, job: job.id };
  const told = { ...world, instance: given };
  // Where the wish alone would not move it: a second, harder stop, and a reset.
  const pushes = verb === "reboot" || (instance.state === "stopping" && "to" in reaction);
  if (!pushes) return { world: told, entries: [wish], superseded: instance.job };
  const { world: next, entry } = moved(told, verb);
  return { world: next, entries: entry ? [wish, entry] : [wish], superseded: instance.job };
}

const isThrownAway = ({ desired }: Instance) => desired === "destroyed" || desired === "expunged";

const unmoved = ({ state }: Instance, verb: Order["verb"]) => ({
  event: `command-${verb}`,
  from: state,
  to: state,
});

/** What runs is ended and, because it is still wanted, started again; the host it was on is the last choice. */
function relaunch(world: World, { job, requestId }: Order): Obeyed {
  const { instance } = world;
  const { state, home } = instance;
  if (state !== "running" || !home) return { refused: notNow(world, "relaunch", ["running"]) };
  const wish: Entry = { event: "command-relaunch", from: state, to: state, job: job.id };
  const given: Instance = { ...instance, job, requestId, isForced: true };
  const { world: next, entry } = moved({ ...world, instance: given }, "stop");
  const avoiding = { ...next, instance: { ...next.instance, avoidHosts: [home] } };
  return {
    world: avoiding,
    entries: entry ? [wish, entry] : [wish],
    superseded: instance.job,
  };
}

/** A move is broken off; if it is too late for that, it has moved. */
function abort(world: World, { job, requestId }: Order): Obeyed {
  const { instance } = world;
  const { state } = instance;
  const migration = openMigration(world);
  if (!migration) return { refused: notMoving(instance) };
  const entry: Entry = { event: "command-abort", from: state, to: state, job: job.id };
  const told = { ...world, instance: { ...instance, job, requestId } };
  const says = "somebody broke it off";
  const next: World =
    state === "migrating"
      ? brokenOff(told, "asked", says)
      : { ...told, migration: { ...migration, abort: migration.abort ?? "asked", says } };
  return { world: next, entries: [entry], superseded: instance.job };
}

/** Somebody asks for a live migration. */
export interface MoveOrder {
  readonly job: JobRef;
  readonly requestId: string;
}

/** Whether it can begin now, as far as the instance itself goes. Where to is another question. */
export function refuseMove({ instance, ...world }: World): Problem | undefined {
  const { state, op } = instance;
  const { lease, incarnation } = world;
  const isSettled = state === "running" && !op && incarnation?.phase === "running";
  if (isSettled && lease === "valid") return undefined;
  return notNow({ instance, ...world }, "migrate", lifecycle.accepting("migrate"));
}

/** Written down before the destination is told. */
export function noteMove(
  world: World,
  { job, requestId }: MoveOrder,
): { world: World; entry: Entry } {
  const { instance } = world;
  const { state } = instance;
  const entry: Entry = { event: "command-migrate", from: state, to: state, job: job.id };
  return { world: { ...world, instance: { ...instance, job, requestId } }, entry };
}

const isToGo = ({ instance: { name, state, desired } }: World, verb: string): Problem =>
  problem(
    "conflict",
    "not_in_this_state",
    `${name} is ${state} to be ${desired}: it cannot ${verb}.`,
    {
      fix: `To keep it, take it back once it is destroyed: holdfast recover ${name}`,
      retryAfterSeconds: 5,
      facts: { state, op: null, accepting: [] },
    },
  );

const notMoving = ({ name, state }: Instance): Problem =>
  problem("conflict", "not_migrating", `${name} is ${state}: nothing of it is on its way.`, {
    fix: "See what became of it: holdfast migrations",
  });

function notNow(world: World, verb: string, accepting: readonly string[]): Problem {
  const { instance, now } = world;
  const { state, op } = instance;
  const wait = op && Math.max(1, Math.ceil(since(now, op.deadline) / 1_000));
  const busy = op ? ` (${op.step})` : "";
  const when = accepting.length > 0 ? accepting.join(" or ") : "never";
  return problem(
    "conflict",
    "not_in_this_state",
    `${instance.name} is ${state}${busy}; ${verb} works when it is ${when}.`,
    {
      fix: fixFor(instance, verb),
      ...(wait ? { retryAfterSeconds: wait } : {}),
      facts: { state, op: op?.kind ?? null, accepting },
    },
  );
}

function volumeBusy({ instance, now }: World, verb: string, holder: UnderWay): Problem {
  const { activity, volume, by, since: begun, until } = holder;
  const ago = Math.max(0, Math.round(since(begun, now) / 1_000));
  return problem(
    "conflict",
    "volume_busy",
    `A ${activity} of ${volume} is under way: ${by} asked for it ${ago} s ago. ${instance.name} cannot ${verb} meanwhile.`,
    {
      fix: `Wait until it is done: holdfast volumes show ${volume}`,
      retryAfterSeconds: 5,
      facts: { activity, volume, by, since: begun, until },
    },
  );
}

function fixFor({ name, state }: Instance, verb: string): string {
  if (state === "destroyed" && verb !== "expunge")
    return `Take it back first: holdfast recover ${name}`;
  if (verb === "expunge") return `Destroy it first: holdfast destroy ${name}`;
  if (verb === "migrate" && state === "migrating") return "It is on its way: holdfast migrations";
  if (verb === "reboot" || verb === "relaunch" || verb === "migrate")
    return `Start it: holdfast start ${name}`;
  if (state === "expunged" || state === "expunging")
    return "It is gone. Create a new one: holdfast run";
  return `Watch it until it gets there: holdfast show ${name}`;
}

const isProtected = ({ name }: Instance) =>
  problem("conflict", "instance_protected", `${name} is protected from being destroyed.`, {
    fix: `If you mean it: holdfast protect ${name} --off, then destroy it.`,
  });
