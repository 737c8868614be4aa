/**
 * Sends a machine to another host: climbs the ladder of core/migration.ts, one look and one step at a time.
 *
 * The guest runs on exactly one side, whoever dies when. Until all of its memory is over there only this side
 * can run it, and does by itself whenever something breaks. From then on it stands still until the other side
 * has said that it runs, or that it never will. If neither can be heard any more it goes on standing still: the
 * managers find out which of the two is over, and say so by a wish.
 */
import type { MigrationReport, Wish } from "@holdfast/cloud/hosts";
import type { Hypervisor, MachineRef, MigrationView } from "@holdfast/drivers/hypervisor";
import type { InstanceId } from "@holdfast/kernel/ids";
import { Problem } from "@holdfast/kernel/problem";
import { type Clock, milliseconds, type Ticks } from "@holdfast/kernel/time";
import { type MigrationFacts, type MigrationPatience, stepOf } from "../core/migration.ts";
import type { Crossing, Passage } from "./passage.ts";

export type Order = NonNullable<Wish["migrateTo"]>;

export interface MigratorDeps {
  readonly hypervisor: Hypervisor;
  readonly passage: Passage;
  readonly clock: Clock;
  readonly ticks: Ticks;
  /** The latest about one migration; said again and again while it is wished for. */
  readonly onProgress: (report: MigrationReport) => void;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

/** `unsure`: it may be let run on the other side or not; ask again. */
export type Outcome = "done" | "gave-up" | "unsure";

export interface Migrator {
  /**
   * Sends it, or finds out how it stands with one that was sent. `order` is what is wished now: it may come to be
   * aborted. One that was given up is not tried again.
   */
  move(machine: MachineRef, order: () => Order | undefined): Promise<Outcome>;
  /** Something happened to a machine that is being sent. */
  stir(instance: InstanceId): void;
  /** Nobody wants to know any more. */
  forget(instance: InstanceId): void;
  /** What is to be said again, for example to another manager. */
  latest(): readonly MigrationReport[];
  close(): void;
}

/** Between two looks when nothing is heard, in milliseconds. */
const look = 200;
/** So often the latest is said again, in milliseconds. */
const saidAgain = 2_000;

export function migrator(deps: MigratorDeps): Migrator {
  const { hypervisor, passage, clock, ticks, log } = deps;
  const reports = new Map<InstanceId, MigrationReport>();
  const stirred = new Map<InstanceId, () => void>();
  let isOpen = true;
  const again = setInterval(() => {
    for (const report of reports.values()) deps.onProgress(report);
  }, saidAgain);
  again.unref();

  return {
    async move(machine, order) {
      const first = order();
      if (!first) return "unsure";
      const known = reports.get(machine.id);
      if (known?.migration === first.migration && known.is === "gave-up") {
        deps.onProgress(known);
        return "gave-up";
      }
      return travel(machine, first, order);
    },
    stir(instance) {
      stirred.get(instance)?.();
    },
    forget(instance) {
      reports.delete(instance);
    },
    latest: () => [...reports.values()],
    close() {
      isOpen = false;
      clearInterval(again);
      for (const wake of stirred.values()) wake();
    },
  };

  async function travel(
    machine: MachineRef,
    first: Order,
    order: () => Order | undefined,
  ): Promise<Outcome> {
    const trip = tripOf(machine, first);
    log("sends a machine", { ...machine, to: first.address, migration: first.migration });
    try {
      const form = await hypervisor.formOf(machine);
      const to = { id: machine.id, generation: first.generation };
      const { migration, address } = first;
      const destination = { migration, machine: to, address, host: first.host ?? undefined };
      trip.crossing = await passage.reach(destination, form, () => {
        trip.isBroken = true;
        stirred.get(machine.id)?.();
      });
      if (!hasLeft(machine)) await begin(trip, first);
      return await climb(trip, order);
    } catch (error) {
      log("could not send a machine", { ...machine, migration: first.migration, error });
      if (!isOpen || viewOf(machine)?.is !== "running") return "unsure";
      if (hasLeft(machine)) return await standStill(trip);
      return await giveUp(trip, error instanceof Problem ? error : String(error));
    } finally {
      stirred.delete(machine.id);
      trip.crossing?.close();
    }
  }

  async function begin({ machine, crossing }: Trip, order: Order): Promise<void> {
    if (!crossing || order.isAborted) return;
    const { memory, disks, mirrored, postcopy } = crossing;
    if (order.mayPostcopy && postcopy !== true)
      log("cannot run there before all of its memory is there", { ...machine, why: postcopy });
    await hypervisor.migrate(machine, {
      ...{ memory, disks, mirrored },
      mayPostcopy: order.mayPostcopy && postcopy === true,
      ...(order.bytesPerSecond ? { bytesPerSecond: order.bytesPerSecond } : {}),
    });
  }

  async function climb(trip: Trip, order: () => Order | undefined): Promise<Outcome> {
    const { machine, first, crossing } = trip;
    for (;;) {
      const news = stir(machine.id);
      const view = await hypervisor.migration(machine);
      if (!isOpen) return "unsure";
      if (view.status === "none") return await giveUp(trip, "it was aborted");
      const facts = factsOf(trip, view, order());
      const step = stepOf(facts, patienceOf(first, crossing));
      switch (step.do) {
        case "finish":
          return await finish(trip, view);
        case "give-up":
          return await giveUp(trip, trip.why ?? view.says ?? step.why);
        case "cancel":
          trip.why ??= step.why;
          await hypervisor.steer(machine, "cancel").catch(unlessPast);
          break;
        case "rejoin":
          return "unsure";
        case "wait":
          if (trip.isBroken && isCopying(view)) {
            trip.why ??= "the connection to the destination broke";
            await hypervisor.steer(machine, "cancel").catch(unlessPast);
          }
          if (view.status === "postcopy-active") await letGo(trip).catch(unlessUnsure);
          break;
        case "switch":
          await hypervisor.steer(machine, "switch").catch(async (error: unknown) => {
            unlessPast(error);
            trip.why ??= "its disks could not be handed over";
            await hypervisor.steer(machine, "cancel").catch(unlessPast);
          });
          break;
        default:
          await hypervisor.steer(machine, step.do).catch(unlessPast);
      }
      tell(trip, view, "copying", says[step.do] ?? undefined);
      await Promise.race([news, clock.sleep(milliseconds(look))]);
    }
  }

  /** The other side may run it. Once is enough, also where the rest of its memory follows. */
  async function letGo(trip: Trip): Promise<void> {
    if (trip.isGone) return;
    await trip.crossing?.go();
    trip.isGone = true;
  }

  async function finish(trip: Trip, view: MigrationView): Promise<Outcome> {
    const { machine } = trip;
    try {
      await letGo(trip);
    } catch (error) {
      const isOver = error instanceof Problem && error.code === "arrival_ended";
      if (!isOver) return await standStill(trip, view);
      await hypervisor.resume(machine);
      return await giveUp(trip, error);
    }
    // QEMU reckons its downtime only after it has said that it is done.
    const last = await hypervisor.migration(machine).catch(() => view);
    tell(trip, last, "done", undefined);
    log("sent a machine", { ...machine, downtime: last.downtime, took: last.elapsed });
    return "done";
  }

  /** Only the managers can know now: it goes on here when its wish has no destination any more. */
  async function standStill(trip: Trip, known?: MigrationView): Promise<Outcome> {
    const view = known ?? (await hypervisor.migration(trip.machine).catch(() => undefined));
    tell(trip, view, "copying", "all of it was sent; whether it runs there is not known yet");
    return "unsure";
  }

  async function giveUp(trip: Trip, why: Problem | string): Promise<Outcome> {
    const view = await hypervisor.migration(trip.machine).catch(() => undefined);
    tell(trip, view, "gave-up", typeof why === "string" ? why : why.message, why);
    log("gave up sending a machine", { ...trip.machine, why: String(why) });
    return "gave-up";
  }

  function tell(
    { machine, first }: Trip,
    view: MigrationView | undefined,
    is: MigrationReport["is"],
    says: string | undefined,
    why?: Problem | string,
  ): void {
    const known = reports.get(machine.id);
    const report: MigrationReport = {
      migration: first.migration,
      instance: machine.id,
      generation: machine.generation,
      is,
      facts: view ? flatFacts(view) : (known?.facts ?? flatFacts(nothing)),
      ...(says === undefined ? {} : { says }),
      ...(why instanceof Problem ? { problem: flat(why) } : {}),
    };
    reports.set(machine.id, report);
    // What changes all the time is heard of in a while.
    const isSame = known?.is === is && known.facts.status === report.facts.status;
    if (!isSame || known.says !== says) deps.onProgress(report);
  }

  function factsOf(trip: Trip, view: MigrationView, order: Order | undefined): MigrationFacts {
    const now = ticks();
    if (view.disksRemainingBytes !== trip.disksLeft) trip.disksMovedAt = now;
    trip.disksLeft = view.disksRemainingBytes;
    const isStill = view.status === "device" || view.status === "pre-switchover";
    if (!isStill) trip.stillSince = undefined;
    else trip.stillSince ??= now;
    return {
      ...view,
      disksStalledFor: milliseconds(view.areDisksReady ? 0 : now - trip.disksMovedAt),
      stillFor: milliseconds(trip.stillSince === undefined ? 0 : now - trip.stillSince),
      // A wish without it has overtaken: the destination is over.
      isAbortWanted: order?.isAborted ?? true,
    };
  }

  function stir(instance: InstanceId): Promise<void> {
    return new Promise((resolve) => stirred.set(instance, resolve));
  }

  function tripOf(machine: MachineRef, first: Order): Trip {
    const { id, generation } = machine;
    return {
      machine: { id, generation },
      first,
      crossing: undefined,
      isBroken: false,
      isGone: false,
      why: undefined,
      disksLeft: -1,
      disksMovedAt: ticks(),
      stillSince: undefined,
    };
  }

  function viewOf({ id, generation }: MachineRef) {
    return hypervisor.list(id).find((view) => view.generation === generation);
  }

  function hasLeft(machine: MachineRef): boolean {
    const view = viewOf(machine);
    return view?.is === "running" && view.hasLeft === true;
  }
}

interface Trip {
  readonly machine: MachineRef;
  readonly first: Order;
  crossing: Crossing | undefined;
  isBroken: boolean;
  /** The other side has said that it runs. */
  isGone: boolean;
  /** Why it was called back. */
  why: string | undefined;
  disksLeft: number;
  disksMovedAt: number;
  stillSince: number | undefined;
}

const says: Partial<Record<ReturnType<typeof stepOf>["do"], string>> = {
  "slow-down": "the guest is slowed down, because its memory changes faster than it can be sent",
  postcopy: "it runs on the destination, and the rest of its memory follows",
};

const nothing: MigrationView = {
  status: "none",
  elapsed: milliseconds(0),
  remainingBytes: 0,
  totalBytes: 0,
  bytesPerSecond: 0,
  dirtyBytesPerSecond: 0,
  disksRemainingBytes: 0,
  areDisksReady: true,
  isThrottled: false,
};

const isCopying = ({ status }: MigrationView) =>
  status === "mirroring" || status === "setup" || status === "active";

function patienceOf(
  { patience, mayPostcopy }: Order,
  crossing: Crossing | undefined,
): MigrationPatience {
  return {
    precopy: milliseconds(patience.precopy),
    converge: milliseconds(patience.converge),
    switching: milliseconds(patience.switching),
    mayPostcopy: mayPostcopy && crossing?.postcopy === true,
  };
}

function flatFacts(view: MigrationView): MigrationReport["facts"] {
  const { status, elapsed, remainingBytes, totalBytes, bytesPerSecond, dirtyBytesPerSecond } = view;
  const { disksRemainingBytes, isThrottled, downtime } = view;
  return {
    ...{ status, elapsed, remainingBytes, totalBytes, bytesPerSecond, dirtyBytesPerSecond },
    ...{ disksRemainingBytes, isThrottled },
    ...(downtime === undefined ? {} : { downtime }),
  };
}

const flat = ({ kind, code, message, details: { fix } }: Problem) =>
  fix === undefined ? { kind, code, message } : { kind, code, message, fix };

/** Its memory follows on in any case, and it is asked again when all of it is there. */
function unlessUnsure(error: unknown): void {
  if (!(error instanceof Problem)) throw error;
}

/** It got further while it was looked at: the next look says how far. */
function unlessPast(error: unknown): void {
  if (!(error instanceof Problem && error.code === "cannot_steer")) throw error;
}
