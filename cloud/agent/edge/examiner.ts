/**
 * Looks at every machine of the host, and at the storage under them, round after round, and tells the
 * managers all of it, and what is known of the host's hardware.
 *
 * A round tells everything and not what changed, so nothing depends on an earlier message having arrived.
 * Rounds never overlap: where a round takes longer than its pace, the next one begins late.
 */
import type { Checkup, StorageLook } from "@holdfast/cloud/hosts";
import type { Hypervisor, MachineRef } from "@holdfast/drivers/hypervisor";
import { type Clock, type Duration, seconds, type Ticks } from "@holdfast/kernel/time";
import { compare, type Memory } from "../core/looks.ts";

export interface ExaminerDeps {
  readonly hypervisor: Hypervisor;
  /** Tries the storage that volumes are on. Answers within seconds, also where the storage does not. */
  readonly probeStorage: () => Promise<readonly StorageLook[]>;
  /** Why its hardware gives reason to avoid this host, as last read; null before that. */
  readonly concerns: () => readonly string[] | null;
  readonly clock: Clock;
  readonly ticks: Ticks;
  readonly onCheckup: (checkup: Checkup) => void;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export interface Examiner {
  /** A manager is there and wants a round so often. The first call begins the first round. */
  pace(every: Duration): void;
  close(): void;
}

/** A healthy QEMU answers in a millisecond, one on a busy host in tens; this is a process that hangs. */
const patience = seconds(2);
/** A frozen machine takes up its place for all of the patience; the others should not wait for it. */
const atOnce = 16;

export function examiner(deps: ExaminerDeps): Examiner {
  const { hypervisor, clock, ticks, log } = deps;
  let memories = new Map<string, Memory>();
  let pace: Duration | undefined;
  let isOpen = true;
  let isLooking = false;
  let timer: NodeJS.Timeout | undefined;

  return {
    pace(every) {
      if (pace === every || !isOpen) return;
      pace = every;
      clearTimeout(timer);
      if (!isLooking) void round();
    },
    close() {
      isOpen = false;
      clearTimeout(timer);
    },
  };

  async function round(): Promise<void> {
    isLooking = true;
    const begun = ticks();
    try {
      const [machines, storage] = await Promise.all([lookAtAll(), deps.probeStorage()]);
      const concerns = deps.concerns();
      const checkup = { machines, storage: [...storage], concerns: concerns && [...concerns] };
      if (isOpen) deps.onCheckup(checkup);
    } catch (error) {
      log("could not look at the machines", { error });
    }
    isLooking = false;
    if (isOpen && pace !== undefined)
      timer = setTimeout(() => void round(), Math.max(0, pace - (ticks() - begun)));
  }

  async function lookAtAll(): Promise<Checkup["machines"]> {
    const waiting = hypervisor.list().filter(({ is }) => is === "running");
    const seen = new Map<string, Memory>();
    const looks: Checkup["machines"] = [];
    const next = async (): Promise<void> => {
      for (let ref = waiting.pop(); ref; ref = waiting.pop()) {
        const found = await lookAt(ref);
        if (!found) continue;
        seen.set(keyOf(ref), found.memory);
        looks.push(found.look);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, next));
    memories = seen; // What has ended is forgotten.
    return looks;
  }

  async function lookAt(ref: MachineRef): Promise<ReturnType<typeof compare> | undefined> {
    try {
      const found = await hypervisor.examine(ref, patience);
      const at = { now: clock.now(), tick: ticks() };
      return compare(ref, found, memories.get(keyOf(ref)), at);
    } catch {
      return undefined; // It has ended, and its end is told elsewhere.
    }
  }
}

const keyOf = ({ id, generation }: MachineRef) => `${id}/${generation}`;
