/**
 * Ending fenceable machines: a note first, then SIGKILL, again and again until none is left.
 *
 * The note gets one look's time and no more. A disk that is full or hangs must not keep a guest alive.
 */

/** A machine that could run elsewhere as well. */
export interface Target {
  /** The same for as long as it is the same machine. */
  readonly key: string;
  readonly name: string;
  /** Says in its directory why it is about to end. */
  note(why: string): Promise<void>;
  /** SIGKILL to exactly that process. False if there is none yet, or no more. */
  kill(): boolean;
}

export interface Killed {
  readonly key: string;
  readonly name: string;
  /** From the first sight in quarantine to being gone; milliseconds. */
  readonly took: number;
}

export interface Executioner {
  /** Call with whatever is there, as often as can be, for as long as there is a reason. */
  strike(targets: readonly Target[], why: string): void;
  /** What has been looked at just now: those that were struck and are not among them are gone. */
  seen(targets: readonly Target[]): void;
}

export function executioner(
  now: () => number,
  onKilled: (killed: Killed) => void,
  onFault: (error: unknown) => void,
): Executioner {
  const struck = new Map<string, { readonly name: string; readonly since: number }>();
  return {
    strike(targets, why) {
      for (const target of targets) {
        const { key, name } = target;
        if (struck.has(key)) {
          attempt(target);
          continue;
        }
        struck.set(key, { name, since: now() });
        target
          .note(why)
          .catch(onFault)
          .finally(() => attempt(target));
      }
    },
    seen(targets) {
      const here = new Set(targets.map(({ key }) => key));
      for (const [key, { name, since }] of struck) {
        if (here.has(key)) continue;
        struck.delete(key);
        onKilled({ key, name, took: now() - since });
      }
    },
  };

  function attempt(target: Target): void {
    try {
      target.kill();
    } catch (error) {
      onFault(error);
    }
  }
}
