/**
 * Machines that are to come here from another host while they run.
 *
 * Nothing is launched before the source has said what its machine is like. What has been launched is ended when
 * the source is gone before all of it was here, and whatever cannot be let run is ended before that is admitted:
 * the source may then go on by itself, so a "no" must be true for ever.
 */
import type { MachineReport, Wish } from "@holdfast/cloud/hosts";
import type {
  Exit,
  Hypervisor,
  MachineForm,
  MachineRef,
  MachineSpec,
} from "@holdfast/drivers/hypervisor";
import { Problem, problem } from "@holdfast/kernel/problem";
import { type Clock, milliseconds, seconds } from "@holdfast/kernel/time";
import { arrivalEnded, type Landed, type Passage, type Reception } from "./passage.ts";

export interface ArrivalsDeps {
  readonly hypervisor: Hypervisor;
  readonly passage: Passage;
  readonly clock: Clock;
  /** Makes everything that it needs here, with its own disks empty. */
  readonly prepare: (wish: Wish) => Promise<MachineSpec>;
  /** Whether it may run here now: this host has its lease, where it needs one. */
  readonly mayRun: (wish: Wish) => boolean;
  /** As a launch that another host's certainty depends on. */
  readonly launching: <T>(spec: MachineSpec, epoch: number, launch: Promise<T>) => Promise<T>;
  /** Ends it for good, and says why. Resolves with how it ended. */
  readonly close: (machine: MachineRef, why: unknown) => Promise<Exit>;
  readonly onWaiting: (report: MachineReport) => void;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export interface Arrivals {
  /** Lets it in. Rejects with `no_migration_address`. May be repeated. */
  expect(wish: Wish, isWished: () => boolean): Promise<void>;
  /** Something happened to one of them. */
  stir(machine: MachineRef): void;
  dismiss(machine: MachineRef): void;
  /** Where it can be sent to, if it is expected. */
  relayOf(machine: MachineRef): string | undefined;
  /** Those that are expected. */
  reports(): readonly MachineReport[];
}

/** After all of it was sent the rest of it is on its way for so long at most. */
const lastBytes = seconds(20);
/** Some heartbeats: whoever has no lease by then is cut off. */
const leaseSoon = seconds(5);

export function arrivals(deps: ArrivalsDeps): Arrivals {
  const { hypervisor, passage, clock, log } = deps;
  const expected = new Map<string, MachineReport>();
  const waiting = new Map<string, () => void>();

  return {
    async expect(wish, isWished) {
      if (!wish.arrives)
        throw problem("bug", "wish_incomplete", "Nobody said where it comes from.");
      const { migration, from, network } = wish.arrives;
      const machine = { id: wish.instance, generation: wish.generation };
      const relay = await passage.address(network ?? undefined);
      passage.admit({ migration, from, machine }, receptionOf(wish, machine, isWished));
      const known = expected.get(keyOf(machine));
      if (known?.relay === relay) return;
      const report: MachineReport = {
        instance: machine.id,
        generation: machine.generation,
        phase: "incoming",
        guest: "booting",
        reboots: 0,
        at: clock.now(),
        relay,
      };
      expected.set(keyOf(machine), report);
      deps.onWaiting(report);
    },
    stir: (machine) => waiting.get(keyOf(machine))?.(),
    dismiss(machine) {
      passage.dismiss(machine);
      expected.delete(keyOf(machine));
      waiting.get(keyOf(machine))?.();
    },
    relayOf: (machine) => expected.get(keyOf(machine))?.relay,
    reports: () => [...expected.values()],
  };

  function receptionOf(wish: Wish, machine: MachineRef, isWished: () => boolean): Reception {
    return {
      async open(form) {
        try {
          return await open(wish, form, isWished);
        } catch (error) {
          log("cannot receive a machine", { ...machine, error });
          await deps.close(machine, error);
          throw error;
        }
      },
      async go() {
        try {
          if (viewOf(machine)?.is === "incoming") await land(wish, machine);
          if (viewOf(machine)?.is !== "running") throw arrivalEnded("it has ended");
        } catch (error) {
          // What does not answer may run at any moment, or has: nobody may go on elsewhere then.
          if (!isBeforeItRan(error)) throw error;
          const exit = await deps.close(machine, error);
          if (!exit.neverRan && exit.status !== "never-launched") throw ranAndEnded();
          throw arrivalEnded(error instanceof Error ? error.message : String(error));
        }
      },
      lost() {
        const view = viewOf(machine);
        if (view?.is !== "incoming" || view.hasArrived) return;
        log("the source of a machine is gone", { ...machine });
        deps.close(machine, arrivalEnded("the host that it came from is gone")).catch((error) => {
          log("could not end what has lost its source", { ...machine, error });
        });
      },
    };
  }

  async function open(wish: Wish, form: MachineForm, isWished: () => boolean): Promise<Landed> {
    const machine = { id: wish.instance, generation: wish.generation };
    const view = viewOf(machine);
    const isHere = view?.is === "running" || (view?.is === "incoming" && view.hasArrived);
    if (isHere) return { landing: nowhere, mirrored: [] }; // Whoever asks has not heard of it.
    // Half of it came on a way that is broken.
    if (view) throw arrivalEnded("an earlier attempt was not seen through");
    if (!(await mayOpen(wish, isWished))) throw notNow();
    const spec = await deps.prepare(wish);
    if (!(await mayOpen(wish, isWished))) throw notNow(); // That may have taken its time.
    const mirrored = spec.disks
      .filter(({ source, readOnly }) => !readOnly && !source.isShared)
      .map(({ id }) => id);
    const landing = await deps.launching(
      spec,
      wish.epoch,
      hypervisor.receive(spec, form, mirrored),
    );
    return { landing, mirrored };
  }

  /** An agent that has just come back has its lease a heartbeat later, and its source may be faster. */
  async function mayOpen(wish: Wish, isWished: () => boolean): Promise<boolean> {
    const end = clock.now() + leaseSoon;
    while (isWished() && !deps.mayRun(wish) && clock.now() < end)
      await clock.sleep(milliseconds(100));
    return isWished() && deps.mayRun(wish);
  }

  async function land(wish: Wish, machine: MachineRef): Promise<void> {
    const end = clock.now() + lastBytes;
    for (;;) {
      const news = new Promise<void>((resolve) => waiting.set(keyOf(machine), resolve));
      const view = viewOf(machine);
      if (view?.is !== "incoming") break;
      if (view.hasArrived) {
        if (!deps.mayRun(wish)) throw arrivalEnded("this host has not got its lease");
        await hypervisor.land(machine);
        break;
      }
      if (clock.now() > end) throw arrivalEnded("the rest of its memory has not come");
      await Promise.race([news, clock.sleep(milliseconds(200))]);
    }
    waiting.delete(keyOf(machine));
  }

  function viewOf({ id, generation }: MachineRef) {
    return hypervisor.list(id).find((view) => view.generation === generation);
  }
}

const isBeforeItRan = (error: unknown) =>
  error instanceof Problem && ["arrival_ended", "not_arrived", "cannot_land"].includes(error.code);

const ranAndEnded = () =>
  problem("conflict", "already_ended", "It has run here and ended.", {
    fix: "Look at its state, then start it.",
  });

const keyOf = ({ id, generation }: MachineRef) => `${id}/${generation}`;
const nowhere = { memory: "", disks: "", postcopy: true } as const;

const notNow = () =>
  problem("unavailable", "arrival_not_wanted", "This host may not receive that instance now.", {
    fix: "Its lease is over, or the migration was aborted meanwhile. Try again.",
  });
