/**
 * Fits the disks of running machines to what is wished, again and again until they are so, and remembers what
 * was seen for whoever reports it.
 *
 * Beside whatever else is done with a machine: a guest may take its time to let go of a disk, and must not hold
 * up its own reboot with it.
 */
import type { Wish } from "@holdfast/cloud/hosts";
import type { MachineRef } from "@holdfast/drivers/hypervisor";
import type { InstanceId } from "@holdfast/kernel/ids";
import { milliseconds } from "@holdfast/kernel/time";
import type { DiskKeeper } from "./disks.ts";
import type { Seen } from "./reports.ts";

export interface FitterDeps {
  readonly disks: Pick<DiskKeeper, "fit">;
  /** The wish that is held for an instance, if its machine runs as it says. */
  readonly wishOf: (id: InstanceId) => Wish | undefined;
  /** Something about the disks of this machine is not as it was. */
  readonly onNews: (ref: MachineRef) => void;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export interface Fitter {
  /** Something may have changed. Does nothing if they were fitted to this very wish. */
  fit(id: InstanceId): void;
  /** The same, whatever was seen before. */
  fitAgain(id: InstanceId): void;
  /** Its guest may be willing now: does nothing where it has let go of all that it should, and taken the rest. */
  fitTheRest(id: InstanceId): void;
  /** As last seen; undefined if nobody has looked. */
  seen(ref: MachineRef): Seen | undefined;
  forget(id: InstanceId): void;
  close(): void;
}

/** What was last seen of the disks of one generation. */
interface Fitted extends Seen {
  readonly generation: number;
  /** The wish that they were fitted to; undefined: they are to be looked at again. */
  readonly wish: Wish | undefined;
  readonly isSettled: boolean;
}

/** A guest that does not let go of a disk, or has no room for one, is asked again so often. */
const pause = milliseconds(10_000);

export function fitter({ disks, wishOf, onNews, log }: FitterDeps): Fitter {
  const fitted = new Map<InstanceId, Fitted>();
  const busy = new Set<InstanceId>();
  /** Something has happened to their guests while they were being fitted. */
  const overtaken = new Set<InstanceId>();
  const timers = new Map<InstanceId, NodeJS.Timeout>();
  let isOpen = true;

  return {
    fit,
    fitAgain,
    fitTheRest(id) {
      if (busy.has(id) || !fitted.get(id)?.isSettled) fitAgain(id);
    },
    seen({ id, generation }) {
      const known = fitted.get(id);
      return known?.generation === generation ? known : undefined;
    },
    forget(id) {
      fitted.delete(id);
      clearTimeout(timers.get(id));
      timers.delete(id);
    },
    close() {
      isOpen = false;
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };

  function fit(id: InstanceId): void {
    const wish = wishOf(id);
    const known = fitted.get(id);
    if (!isOpen || !wish || busy.has(id) || known?.wish === wish) return;
    if (known?.wish && known.isSettled && isOnlySeen(known.wish, wish)) {
      fitted.set(id, { ...known, wish, version: wish.version });
      return;
    }
    busy.add(id);
    overtaken.delete(id);
    clearTimeout(timers.get(id));
    void fitNow(id, wish)
      .catch((error: unknown) => {
        log("could not look at the disks", { instance: id, error });
        return false;
      })
      .then((isSettled) => {
        busy.delete(id);
        if (!isOpen) return;
        const now = wishOf(id);
        if (now !== wish) return fit(id); // It has changed meanwhile, or is over.
        if (overtaken.has(id)) return fitAgain(id);
        if (!isSettled)
          timers.set(
            id,
            setTimeout(() => fitAgain(id), pause),
          );
      });
  }

  async function fitNow(id: InstanceId, wish: Wish): Promise<boolean> {
    const found = await disks.fit(wish);
    if (!found || wishOf(id)?.generation !== wish.generation) return true;
    const { generation, version } = wish;
    const { reports, isSettled } = found;
    const before = fitted.get(id);
    fitted.set(id, { generation, version, reports, wish, isSettled });
    const isSame =
      before?.version === version && JSON.stringify(before.reports) === JSON.stringify(reports);
    if (!isSame) onNews({ id, generation });
    return isSettled;
  }

  function fitAgain(id: InstanceId): void {
    const known = fitted.get(id);
    overtaken.add(id);
    if (known) fitted.set(id, { ...known, wish: undefined });
    fit(id);
  }
}

/**
 * Every start is followed by a wish that says nothing new but that it was seen to run. Whatever a manager wants to be
 * told of disks is a version of its own, so one that skips a version, or comes at another time, is looked at.
 */
const isOnlySeen = (before: Wish, after: Wish) =>
  after.version === before.version + 1 &&
  after.generation === before.generation &&
  after.wasRunning &&
  !before.wasRunning &&
  JSON.stringify(after.spec?.disks) === JSON.stringify(before.spec?.disks);
