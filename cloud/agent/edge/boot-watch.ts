/**
 * Guests that boot: whoever's image says ready, and has not said so in time, is overdue and should be ended.
 *
 * Only for images whose guests say so, and not while somebody keeps the processors stopped.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Duration } from "@holdfast/kernel/time";

/** What of a wish is needed for it. */
export interface Booting {
  readonly instance: InstanceId;
  readonly spec: {
    readonly image: { readonly saysReady?: boolean | undefined };
    readonly startPaused: boolean;
    /** In milliseconds. */
    readonly bootTimeout: number;
  } | null;
}

export interface BootWatch {
  /** The guest of this wish has booted for so long `already`. */
  begin(wish: Booting, already: Duration): void;
  /** It is ready, or has ended. */
  settle(id: InstanceId): void;
  isOverdue(id: InstanceId): boolean;
  close(): void;
}

export interface BootWatchDeps {
  readonly isBooting: (id: InstanceId) => boolean;
  /** One is overdue now. */
  readonly onOverdue: (id: InstanceId) => void;
}

export function bootWatch({ isBooting, onOverdue }: BootWatchDeps): BootWatch {
  const timers = new Map<InstanceId, NodeJS.Timeout>();
  const overdue = new Set<InstanceId>();
  let isOpen = true;
  return {
    begin({ instance: id, spec }, already) {
      if (!isOpen || !spec?.image.saysReady || spec.startPaused) return;
      clearTimeout(timers.get(id));
      const left = Math.max(0, spec.bootTimeout - Math.max(0, already)); // The clock may have been set back.
      timers.set(
        id,
        setTimeout(() => {
          timers.delete(id);
          if (!isBooting(id)) return;
          overdue.add(id);
          onOverdue(id);
        }, left),
      );
    },
    settle(id) {
      clearTimeout(timers.get(id));
      timers.delete(id);
      overdue.delete(id);
    },
    isOverdue: (id) => overdue.has(id),
    close() {
      isOpen = false;
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}
