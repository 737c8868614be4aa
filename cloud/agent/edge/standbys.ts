/**
 * Has processes read the memory of templates ahead, so that who starts finds one that only waits to be let go.
 *
 * Nobody waits for them. They are made one by one while no guest boots, and a moment after a template was used, so that
 * whoever used it has taken what there was.
 */
import type { Hypervisor, TemplateSpec } from "@holdfast/drivers/hypervisor";
import { after, type Clock, type Instant, minutes, seconds } from "@holdfast/kernel/time";
import { nextStandby, type Use } from "../core/standbys.ts";
import { isBooting } from "./booting.ts";

export interface Standbys {
  /** A start has begun with this template, or the next one could. */
  used(template: string, spec: TemplateSpec): void;
  /** There is no such template any more. */
  gone(template: string): void;
  /** Resolves when there is nothing more to do. For tests and benchmarks. */
  settled(): Promise<void>;
  close(): void;
}

export interface StandbysDeps {
  readonly hypervisor: Hypervisor;
  /** What all of them together may take; zero is none. */
  readonly roomMiB: number;
  readonly clock: Clock;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

const betweenLooks = seconds(1);
/** What did not work is not tried again for so long. */
const pause = minutes(10);
/** What QEMU itself takes beside the memory of a guest. */
const ownMiB = 64;

export function standbys({ hypervisor, roomMiB, clock, log }: StandbysDeps): Standbys {
  const uses = new Map<string, Use & { readonly spec: TemplateSpec }>();
  const refused = new Map<string, Instant>();
  let tending: Promise<void> | undefined;
  let isStale = false;
  let isOpen = true;

  return {
    used(template, spec) {
      const until = refused.get(template);
      if (roomMiB <= 0 || (until !== undefined && clock.now() < until)) return;
      const memoryMiB = spec.memoryMiB + ownMiB;
      uses.set(template, { template, memoryMiB, usedAt: clock.now(), spec });
      stir();
    },
    gone(template) {
      refused.delete(template);
      if (uses.delete(template)) stir();
    },
    settled: () => tending ?? Promise.resolve(),
    close() {
      isOpen = false;
    },
  };

  function stir(): void {
    isStale = true;
    tending ??= tend().finally(() => {
      tending = undefined;
    });
  }

  async function tend(): Promise<void> {
    while (isStale) {
      isStale = false;
      await clock.sleep(betweenLooks);
      while (isOpen && isBooting(hypervisor, clock)) await clock.sleep(betweenLooks);
      if (isOpen && (await step())) isStale = true;
    }
  }

  /** False if there was nothing to do. */
  async function step(): Promise<boolean> {
    const next = nextStandby([...uses.values()], hypervisor.standbys(), roomMiB);
    if (!next) return false;
    const { template } = next;
    const use = uses.get(template);
    try {
      if (next.do === "drop") await hypervisor.standDown(template);
      else if (use && !(await hypervisor.standBy(template, use.spec))) uses.delete(template);
    } catch (error) {
      uses.delete(template);
      refused.set(template, after(clock.now(), pause));
      if (isOpen) log("could not have a process on standby", { template, error });
    }
    return true;
  }
}
