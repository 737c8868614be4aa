/**
 * What one instance needs next.
 *
 * Level-triggered: called on every change and every resync, always with the whole picture and never
 * with what changed. It does not remember, wait or throw. The same world gives the same answer, so
 * a crash anywhere in the caller costs a repeat, not a repair.
 *
 * It answers with one step. The caller writes that down and asks again until there is none, so each
 * step needs to see only the state that it starts from. First facts are written down, then time that
 * has passed, and only then is anything wished for.
 */
import { meaningOf } from "@holdfast/cloud/deaths";
import { judge } from "@holdfast/cloud/volumes";
import { after, type Instant, milliseconds, seconds, since } from "@holdfast/kernel/time";
import { unreachable } from "@holdfast/kernel/unreachable";
import type { Action } from "./action.ts";
import { isPaused, runErrand } from "./errands.ts";
import { homed, type InstanceEvent, type InstanceState } from "./lifecycle.ts";
import { openMigration } from "./migration.ts";
import { openStates } from "./migration-lifecycle.ts";
import type { Cause, Desired, Fence, Instance, Op, World } from "./model.ts";
import { learnMoving } from "./moving.ts";
import { lastPause, restartDelay } from "./restarts.ts";

export function decide(world: World): Action | undefined {
  return learn(world) ?? expire(world) ?? conclude(world) ?? advance(world);
}

/** What the facts say, whatever anybody wishes. */
function learn(world: World): Action | undefined {
  const { instance, volume } = world;
  const { state } = instance;
  if (state === "expunging" && volume !== "placed") return move("resourcesReleased");
  if (!homed.has(state)) return undefined;
  const migration = openMigration(world);
  const step = migration ? learnMoving(world, migration) : "single";
  if (step === "settled") return undefined;
  return step === "single" ? learnSingle(world) : step;
}

/** Of the one process at home. */
function learnSingle({ instance, incarnation, lease, fence, now }: World): Action | undefined {
  const { state, desired } = instance;
  const ending = incarnation?.phase === "exited" ? incarnation.ending : undefined;
  // An end that nobody saw is explained by the proof that its host was dead.
  if (ending && !(fence && ending.cause.class === "unknown")) {
    const { how, cause } = ending;
    if (state === "starting" && how === "launch-failed") return move("startFailed", cause);
    if (state === "starting" && how === "never-launched") return move("neverLaunched", cause);
    if (state === "stopping" && how === "never-launched") return move("neverLaunched", cause);
    if (state === "stopping" && isEnding(desired)) return move("exitObservedForDestroy", cause);
    return move("exitObserved", cause);
  }
  if (state === "lost") {
    if (fence) return provenDead(fence);
    if (lease !== "valid") return undefined;
    return move(desired === "running" ? "reattached" : "reattachedStopping");
  }
  if (lease === "expired" || lease === "fenced")
    return move(
      "leaseExpired",
      hostSilent("Its host has fallen silent, and nothing proves whether it still runs.", now),
    );
  if (state === "starting" && incarnation?.phase === "running") return move("bootConfirmed");
  return undefined;
}

function provenDead({ proof, says, provenAt }: Fence): Action {
  const isAttested = proof === "attested";
  return move(isAttested ? "operatorAttested" : "fenceProven", {
    class: isAttested ? "attested" : "host-failure",
    says: `Its host fell silent and was proven dead: ${says}.`,
    at: provenAt,
  });
}

/** What the clock says. */
function expire({ instance, now, patience }: World): Action | undefined {
  const { state, op, destroyedAt } = instance;
  if (state === "destroyed" && destroyedAt !== undefined)
    return now >= after(destroyedAt, patience.undoWindow) ? move("undoWindowElapsed") : undefined;
  if (op && since(now, op.since) > clockNoise) return { do: "rebase" };
  if (!op || now < op.deadline) return undefined;
  if (op.kind === "reboot") return { do: "finish", outcome: "failed" };
  return move("deadlinePassed", deadlineCause(instance, now));
}

/** Whether the last command has been carried out. */
function conclude(world: World): Action | undefined {
  const { instance, incarnation } = world;
  const { op, reboots } = instance;
  if (op?.kind === "reboot" && incarnation && incarnation.reboots >= reboots)
    return { do: "rebooted" };
  const outcome = outcomeOf(world);
  return outcome && { do: "finish", outcome };
}

/** What the wish needs. */
function advance(world: World): Action | undefined {
  const { instance, image, now } = world;
  const { state, desired, cause, job } = instance;
  switch (state) {
    case "provisioning":
      if (isEnding(desired)) return move("destroy");
      if (image === "missing") return move("opFailed", imageGone(now));
      return image === "ready" ? move("resourcesReady") : undefined;
    case "stopped":
      if (isEnding(desired)) return move("destroy");
      if (desired === "running" && isPaused(world)) return undefined;
      return desired === "running" ? startAgain(world) : undefined;
    case "failed":
      if (isEnding(desired)) return move("destroy");
      // A cause is what automation gave up over; only a new command to start takes it away.
      return desired === "running" && job && !cause ? { do: "place" } : undefined;
    case "destroyed":
      if (desired === "expunged") return move("expunge");
      return isEnding(desired) ? undefined : move("recover");
    case "starting":
    case "running":
      if (isEnding(desired)) return move("destroy");
      return desired === "stopped" ? move("stop") : errandOf(world);
    case "migrating":
      if (isEnding(desired)) return move("destroy");
      return desired === "stopped" ? move("stop") : undefined;
    case "stopping":
    case "lost":
    case "expunging":
    case "expunged":
      return undefined; // Facts and deadlines lead on from here, wishes do not.
    default:
      return unreachable(state);
  }
}

function errandOf(world: World): Action | undefined {
  const event = runErrand(world);
  return event && move(event);
}

/** It is stopped and should run. What stopped it decides how soon, and whether at all. */
function startAgain({ instance, waitsFor, underWay, now, patience }: World): Action {
  const { cause, job, notBefore, restarts, recovery } = instance;
  // Whoever ends it has the instance looked at; this is for an end that nobody tells.
  if (underWay.some(({ activity }) => judge("start", [activity]) === "refuse"))
    return { do: "wait", until: after(now, activityPause) };
  if (!cause) return { do: "place" };
  if (cause.class === "guest-shutdown") return { do: "want", desired: "stopped", cause };
  if (!job && !isPlanned(cause)) {
    if (recovery === "none") return { do: "want", desired: "stopped", cause };
    const latest = after(cause.at, patience.dependencyWait);
    if (waitsFor.length > 0 && now < latest) return { do: "wait", until: latest };
  }
  if (isBlameless(cause)) return { do: "place" };
  if (cause.class === "insufficient-capacity") {
    if (job) return move("budgetSpent", cause); // Somebody is waiting for an answer.
    if (notBefore === undefined) return { do: "backOff", until: after(now, capacityPause) };
  }
  if (notBefore !== undefined) {
    // Further away than any pause is long: the clock was set back since.
    const isAbsurd = since(now, notBefore) > longestPause(restarts);
    return now >= notBefore || isAbsurd ? { do: "place" } : { do: "wait", until: notBefore };
  }
  const delay = restartDelay(restarts, now, patience);
  return delay === undefined
    ? move("budgetSpent", cause)
    : { do: "backOff", until: after(now, delay) };
}

function outcomeOf({ instance, migration }: World): "succeeded" | "failed" | undefined {
  const { job, state, desired, op, cause } = instance;
  // Whoever waits is told that it takes too long. The wish stays, and is carried out as soon as it can be.
  if (job && op && isOverdue(op)) return "failed";
  const succeededWhen = (isSo: boolean) => (isSo ? "succeeded" : undefined);
  const kind = job?.kind;
  switch (kind) {
    case undefined:
      return undefined;
    case "run":
    case "start":
    case "relaunch":
      if (state === "failed" && cause) return "failed";
      // Its guest has shut itself down, which nobody knew who asked for it to run; it is not started again.
      if (state === "stopped" && desired === "stopped") return "failed";
      return succeededWhen(state === "running");
    case "stop":
      return succeededWhen(state === "stopped" || state === "failed");
    case "reboot":
      if (op?.kind === "reboot" || state === "lost") return undefined;
      return state === "running" ? "succeeded" : "failed";
    case "migrate":
      if (migration && openStates.has(migration.state)) return undefined;
      return migration?.state === "switched" ? "succeeded" : "failed";
    case "abort":
      if (migration && openStates.has(migration.state)) return undefined;
      return migration?.state === "switched" ? "failed" : "succeeded"; // It may have been too late.
    case "recover":
      return succeededWhen(state === "stopped");
    case "destroy":
      return succeededWhen(ended.has(state));
    case "expunge":
      return succeededWhen(state === "expunged");
    default:
      return unreachable(kind);
  }
}

/** A volume may wait for its host for a while; a guest that cannot be ended, or found, is worth a word at once. */
const isOverdue = ({ kind, attempt }: Op) => attempt >= (kind === "expunge" ? 5 : 1);
const ended: ReadonlySet<InstanceState> = new Set(["destroyed", "expunging", "expunged"]);
/** Not a misfortune: somebody meant to start it again. */
const isPlanned = ({ class: kind }: Cause) => kind === "user-stop" || kind === "maintenance";
/** What these end is started again at once, and it costs nothing of the budget. */
const isBlameless = ({ class: kind }: Cause) =>
  meaningOf(kind).is === "end" && meaningOf(kind).isBlameless;
/** Managers take their time from one clock, but an answer from it takes a moment to arrive. */
const clockNoise = seconds(2);
/** No host had room: look again this often, for as long as it takes. It is not the instance's fault. */
const capacityPause = seconds(10);

/** What keeps its volumes from being opened is asked about again this often. */
const activityPause = seconds(5);

const longestPause = (restarts: readonly Instant[]) =>
  milliseconds(Math.max(capacityPause, lastPause(restarts)));

const isEnding = (desired: Desired) => desired === "destroyed" || desired === "expunged";

const move = (event: InstanceEvent, cause?: Cause): Action =>
  cause ? { do: "move", event, cause } : { do: "move", event };

const imageGone = (at: Instant): Cause => ({
  class: "image-unavailable",
  says: "Its image is no longer there.",
  at,
});

/** A lost instance has its cause already, and a guest that does not shut down is no news to anybody. */
function deadlineCause({ state, isForced }: Instance, at: Instant): Cause | undefined {
  switch (state) {
    case "starting":
      return { class: "boot-timeout", says: "The host did not confirm the start in time.", at };
    case "provisioning":
      return { class: "image-unavailable", says: "Its image did not become ready in time.", at };
    case "stopping":
      return isForced ? hostSilent("Its host does not confirm that it has ended.", at) : undefined;
    case "expunging":
      return hostSilent("Its host has not deleted its volume yet.", at);
    default:
      return undefined;
  }
}

const hostSilent = (says: string, at: Instant): Cause => ({ class: "host-silent", says, at });
