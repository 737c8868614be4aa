/**
 * What the source host does next about a live migration.
 *
 * A ladder, so that it never hangs: copy while the guest runs; if that does not get anywhere, slow the guest
 * down until it does; then either run it on the destination with its memory coming after it, or give up and
 * leave it where it is. Each rung has its time. After the switch there is no way back and nothing to decide.
 */
import type { MigrationStatus } from "@holdfast/drivers/hypervisor";
import { type Duration, milliseconds } from "@holdfast/kernel/time";

export interface MigrationFacts {
  readonly status: MigrationStatus;
  readonly elapsed: Duration;
  /** What is left to be sent of the memory. */
  readonly remainingBytes: number;
  readonly bytesPerSecond: number;
  readonly dirtyBytesPerSecond: number;
  readonly isThrottled: boolean;
  /** Its local disks are as new on the destination as here; true where it has none. */
  readonly areDisksReady: boolean;
  /** For so long its disks have not come any nearer; zero where there are none to copy. */
  readonly disksStalledFor: Duration;
  /** For so long the guest has stood still here; zero while it runs. */
  readonly stillFor: Duration;
  readonly isAbortWanted: boolean;
}

export interface MigrationPatience {
  /** For plain copying; then the guest is slowed down. */
  readonly precopy: Duration;
  /** For copying from a guest that is slowed down. */
  readonly converge: Duration;
  /** Whether the guest may run on the destination before all of its memory is there. */
  readonly mayPostcopy: boolean;
  /** For the last step of all. One that takes longer has failed in a way that nobody here can see. */
  readonly switching: Duration;
}

export type MigrationStep =
  | { readonly do: "wait" }
  | { readonly do: "slow-down" }
  | { readonly do: "postcopy" }
  /** Let the last step happen: the disks have been handed over. */
  | { readonly do: "switch" }
  /** It runs there and misses the rest of its memory: join the two again. */
  | { readonly do: "rejoin" }
  | { readonly do: "cancel"; readonly why: string }
  /** All of it is there: the destination may let it run, and this host never again. */
  | { readonly do: "finish" }
  /** The guest runs here, as before. */
  | { readonly do: "give-up"; readonly why: string };

export function stepOf(facts: MigrationFacts, patience: MigrationPatience): MigrationStep {
  switch (facts.status) {
    case "completed":
      return { do: "finish" };
    case "failed":
      return { do: "give-up", why: "the connection to the destination broke" };
    case "cancelled":
      return {
        do: "give-up",
        why: facts.isAbortWanted ? "it was aborted" : "it did not get done in time",
      };
    case "pre-switchover":
      if (facts.isAbortWanted) return { do: "cancel", why: "it was aborted" };
      return { do: "switch" };
    case "device":
      // The other one does not run before this one is done, so it may still be called back.
      if (facts.stillFor < patience.switching) return { do: "wait" };
      return { do: "cancel", why: "its last step took too long" };
    case "none":
    case "cancelling":
    case "postcopy-active": // The guest runs over there: to break off now would end it.
      return { do: "wait" };
    case "postcopy-paused":
      return { do: "rejoin" };
    case "mirroring":
      if (facts.isAbortWanted) return { do: "cancel", why: "it was aborted" };
      if (facts.disksStalledFor < patience.precopy) return { do: "wait" };
      return { do: "cancel", why: "its disks do not come any nearer" };
    case "setup":
    case "active":
      return copying(facts, patience);
  }
}

function copying(facts: MigrationFacts, patience: MigrationPatience): MigrationStep {
  const { elapsed, isThrottled, areDisksReady, isAbortWanted } = facts;
  const { precopy, converge, mayPostcopy } = patience;
  if (isAbortWanted) return { do: "cancel", why: "it was aborted" };
  if (elapsed < precopy) return { do: "wait" };
  // A disk that is still being copied is slow and not hopeless; memory that is rewritten faster is.
  if (!isThrottled && areDisksReady) return { do: "slow-down" };
  if (elapsed < precopy + converge) return { do: "wait" };
  if (mayPostcopy && areDisksReady) return { do: "postcopy" };
  return {
    do: "cancel",
    why: areDisksReady
      ? `its memory changes faster (${mebibytes(facts.dirtyBytesPerSecond)}/s) than it can be sent (${mebibytes(facts.bytesPerSecond)}/s)`
      : "its disks could not be copied in time",
  };
}

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

/** How much longer it will take at this rate; undefined: at this rate, for ever. */
export function timeLeft({
  remainingBytes,
  bytesPerSecond,
  dirtyBytesPerSecond,
}: MigrationFacts): Duration | undefined {
  const gain = bytesPerSecond - dirtyBytesPerSecond;
  return gain > 0 ? milliseconds((remainingBytes / gain) * 1_000) : undefined;
}
