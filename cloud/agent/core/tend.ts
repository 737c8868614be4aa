/**
 * What a host does next about one instance: the wish it holds against the machines that it has.
 *
 * Level-triggered and without memory, like everything that decides here, so an agent that was killed
 * goes on from whatever it finds. A host never concludes that a guest is not needed: it ends one only
 * because a wish says so, or a younger generation was asked for.
 */
import type { Wish } from "@holdfast/cloud/hosts";
import type { MachineView, StopLadder } from "@holdfast/drivers/hypervisor";
import { milliseconds, seconds } from "@holdfast/kernel/time";

export interface Situation {
  readonly wish: Wish;
  /** Every generation of the instance that this host knows of. */
  readonly machines: readonly MachineView[];
  /** Resets that have been carried out in the wished generation. */
  readonly reboots: number;
  /** The guest should have said ready by now. */
  readonly isBootOverdue: boolean;
  /** Something of the wished generation is still on its way here from another host. */
  readonly isUnderWay?: boolean;
}

export type Act =
  | { readonly do: "start" }
  | {
      readonly do: "stop";
      readonly generation: number;
      readonly ladder: StopLadder;
      readonly why: "wished" | "stale" | "boot-overdue" | "record-lost" | "never-arrived";
    }
  /** Have it wait for its memory. */
  | { readonly do: "expect" }
  /** All of it is here, and where it came from it never runs again. */
  | { readonly do: "land" }
  /** Send it to another host, or find out what became of that. */
  | { readonly do: "move" }
  /** All of it was sent, and it never ran there: it goes on here. */
  | { readonly do: "take-back" }
  | { readonly do: "reset" }
  | { readonly do: "forget"; readonly generation: number }
  /** Nothing is wished and nothing is left: let go of the wish itself. */
  | { readonly do: "drop" };

/** What must not run any longer is not asked politely. */
const now: StopLadder = { acpi: milliseconds(0), terminate: milliseconds(0), kill: seconds(5) };

export function tend(situation: Situation): Act | undefined {
  const { wish, machines, reboots, isBootOverdue } = situation;
  const stale = machines.find(
    ({ is, generation }) =>
      is !== "exited" && (generation < wish.generation || wish.want === "nothing"),
  );
  if (stale) return { do: "stop", generation: stale.generation, ladder: now, why: "stale" };
  if (wish.want === "nothing") {
    const [left] = machines;
    return left ? { do: "forget", generation: left.generation } : { do: "drop" };
  }
  const { generation } = wish;
  const machine = machines.find((view) => view.generation === generation);
  const stop = (why: (Act & { do: "stop" })["why"], ladder: StopLadder): Act => ({
    do: "stop",
    generation,
    ladder,
    why,
  });
  if (!machine && wish.want === "incoming") return { do: "expect" };
  if (!machine) {
    if (wish.want === "stopped") return stop("wished", now);
    // It ran, and there is no trace of it: to start it again would hide that it has died.
    return wish.wasRunning ? stop("record-lost", now) : { do: "start" };
  }
  if (machine.is === "exited") return undefined;
  if (machine.is === "incoming") return arriving(situation, machine.hasArrived, stop);
  if (wish.want === "stopped") return stop("wished", machine.hasLeft ? now : ladderOf(wish));
  if (wish.want === "incoming") return undefined; // It has been let run; the managers will hear.
  if (wish.migrateTo) return { do: "move" };
  if (machine.hasLeft) return { do: "take-back" };
  if (isBootOverdue) return stop("boot-overdue", now);
  return reboots < wish.reboots ? { do: "reset" } : undefined;
}

/** Whoever wishes it to run knows that its source never will: then all of it must be here, or come yet. */
function arriving(
  { wish: { want }, isUnderWay }: Situation,
  hasArrived: boolean,
  stop: (why: "wished" | "never-arrived", ladder: StopLadder) => Act,
): Act | undefined {
  if (want === "stopped") return stop("wished", now);
  if (want === "incoming") return { do: "expect" };
  if (hasArrived) return { do: "land" };
  return isUnderWay ? undefined : stop("never-arrived", now);
}

function ladderOf({ ladder: { acpi, terminate, kill } }: Wish): StopLadder {
  return {
    acpi: milliseconds(acpi),
    terminate: milliseconds(terminate),
    kill: milliseconds(kill),
  };
}
