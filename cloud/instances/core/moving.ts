/**
 * What the facts about two incarnations say while an instance moves, and what each of the two hosts wants.
 *
 * Silence is never read as an end: as long as one of the two is neither over nor running under a valid
 * lease, nothing is concluded about it.
 */
import { after } from "@holdfast/kernel/time";
import { unreachable } from "@holdfast/kernel/unreachable";
import type { Action } from "./action.ts";
import { hasLeft, isOver } from "./migration.ts";
import type { Migration, World } from "./model.ts";

/**
 * The next step, `settled` where nothing follows from the facts as they are, or `single` where only one
 * incarnation is left to think about and it is the one at home.
 */
export function learnMoving(world: World, migration: Migration): Action | "settled" | "single" {
  const { instance, incarnation, lease } = world;
  const { state, desired } = instance;
  const { arrival } = migration;
  if (arrival.phase === "running" || hasLeft(incarnation)) return { do: "move", event: "switched" };
  const isHomeOver = isOver(incarnation, lease);
  const isArrivalOver = isOver(arrival, migration.lease);
  if (isHomeOver && isArrivalOver) return "single";
  if (isHomeOver) {
    // The arrival was told to run if all of it is there, and to end otherwise: its host will say which.
    const isSilent = lease === "fenced" || migration.lease !== "valid";
    return isSilent && state !== "lost"
      ? silent(world, incarnation?.phase === "exited")
      : "settled";
  }
  if (lease !== "valid") return state === "lost" ? "settled" : silent(world, false);
  if (state === "lost")
    return {
      do: "move",
      event: desired === "running" ? "reattachedMigrating" : "reattachedStopping",
    };
  if (state !== "migrating") return "single"; // It is to stop: its own end comes first.
  return onTheWay(world, migration, isArrivalOver);
}

function onTheWay(
  { instance, now }: World,
  migration: Migration,
  isArrivalOver: boolean,
): Action | "settled" {
  const { abort, arrival, hasGivenUp, lease, relay, says, state } = migration;
  if (isArrivalOver && hasNeverRun(migration)) return { do: "move", event: "migrationAborted" };
  // It stands still, and what it was sent to may have run and written: then its memory is of the past.
  if (isArrivalOver && migration.hasSent) return { do: "move", event: "switched" };
  if (abort === undefined && isArrivalOver)
    return { do: "breakOff", says: arrival.ending?.cause.says ?? "its destination is gone" };
  if (abort === undefined && hasGivenUp)
    return { do: "breakOff", says: says ?? "its host gave it up" };
  if (abort === undefined && lease !== "valid")
    return { do: "breakOff", says: "its destination has fallen silent" };
  if (abort === undefined && state === "preparing" && arrival.phase === "incoming" && relay)
    return { do: "copy" };
  const isPatient = (instance.op?.deadline ?? now) > after(now, migration.terms.switching);
  if (abort === undefined && migration.hasSent && isPatient) return { do: "handOver" };
  return "settled";
}

/** By its own host's word, or by that of the source, which has never handed it over. */
const hasNeverRun = ({ arrival, hasGivenUp, state }: Migration): boolean =>
  state === "preparing" || hasGivenUp || arrival.ending?.neverRan === true;

const silent = ({ now }: World, isDestination: boolean): Action => ({
  do: "move",
  event: "leaseExpired",
  cause: {
    class: "host-silent",
    says: isDestination
      ? "The host that it was moving to has fallen silent, and nothing proves whether it runs there."
      : "Its host has fallen silent, and nothing proves whether it still runs.",
    at: now,
  },
});

/**
 * What the destination should make of the arrival. `running` is said only once the process at home is over, or
 * has sent everything and nobody waits for its word any more: what has come completely may run then, and what
 * has not never will.
 */
export function wantOfArrival(
  world: Pick<World, "instance" | "incarnation" | "lease">,
  migration: Migration,
): "incoming" | "running" | "stopped" {
  const { state, desired } = world.instance;
  switch (state) {
    case "migrating":
    case "lost":
      // The source has not been told of it, or tries no more.
      if (migration.hasGivenUp || (migration.abort && migration.state === "preparing"))
        return "stopped";
      if (desired !== "running") return "stopped";
      // It stands still at home until this one has run or ended. Whoever waits for the source's own word may wait
      // for ever, where the way between the two hosts is gone.
      if (migration.abort && migration.hasSent) return "running";
      return isOver(world.incarnation, world.lease) ? "running" : "incoming";
    case "stopping":
      return "stopped";
    case "provisioning":
    case "stopped":
    case "starting":
    case "running":
    case "failed":
    case "destroyed":
    case "expunging":
    case "expunged":
      return "stopped"; // No move is open in these.
    default:
      return unreachable(state);
  }
}
