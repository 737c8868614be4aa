/**
 * Keeps the machines of one host as the wishes say, and reports what is.
 *
 * Each instance is tended by itself: one that hangs holds up no other. A start that hangs does not hold
 * up the stop of the same instance either, and a politer stop not a harder one.
 */
import type {
  MachineReport,
  MigrationReport,
  Seen,
  Unwanted,
  VolumeReport,
  Wish,
} from "@holdfast/cloud/hosts";
import type {
  Cards,
  Exit,
  Hypervisor,
  MachineRef,
  MachineSpec,
  MachineView,
} from "@holdfast/drivers/hypervisor";
import type { InstanceId, NicId } from "@holdfast/kernel/ids";
import { Problem, problem } from "@holdfast/kernel/problem";
import { type Clock, type Instant, milliseconds, type Ticks } from "@holdfast/kernel/time";
import { unreachable } from "@holdfast/kernel/unreachable";
import { type Act, tend } from "../core/tend.ts";
import { arrivals } from "./arrivals.ts";
import { bootWatch } from "./boot-watch.ts";
import type { DiskKeeper } from "./disks.ts";
import { fitter } from "./fitter.ts";
import { hasForgotten, lacksKeys } from "./keys.ts";
import { migrator } from "./migrator.ts";
import type { Networker } from "./networker.ts";
import type { Passage } from "./passage.ts";
import { cardsOf, isShared, type Provided, provisions } from "./provisions.ts";
import { ended, machineReport, type Note } from "./reports.ts";
import type { Held, Shelf } from "./shelf.ts";
import { rootOf } from "./spec.ts";
import type { Storage } from "./storage.ts";
import type { Templates } from "./templates.ts";
import { gate, turns } from "./turns.ts";

/** Whose a connection is. */
export interface Owner {
  readonly wish: Wish;
  /** Undefined: it does not run. */
  readonly since: Instant | undefined;
}

export interface KeeperDeps {
  readonly hypervisor: Hypervisor;
  readonly disks: DiskKeeper;
  readonly storage: Pick<Storage, "ensureBlob">;
  readonly networks: Pick<Networker, "ready">;
  /** What guests may begin with; all are booted if not given. */
  readonly templates?: Pick<Templates, "find" | "discard">;
  /** Whether guests that another host could start may be started here: this lease is held, by our own reckoning. */
  readonly hasLease: (epoch: number) => boolean;
  readonly shelf: Shelf;
  readonly clock: Clock;
  readonly ticks: Ticks;
  /** The way to other hosts. */
  readonly passage: Passage;
  /** The latest about a machine that is sent to another host. */
  readonly onMigration: (report: MigrationReport) => void;
  /** Something to tell the managers. They may not be there; the next hello says it all. */
  readonly onReport: (machines: readonly MachineReport[], volumes: readonly VolumeReport[]) => void;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export interface Keeper {
  /** Take up what was kept and what runs. Call once, first. */
  open(): Promise<void>;
  hear(wishes: readonly Wish[], deleteVolumes: readonly Unwanted[]): Promise<void>;
  /** What is wished of these is what the version before said, but that they were seen to run. */
  seen(machines: readonly Seen[]): Promise<void>;
  /** End these, whatever is wished. Resolves when none of them runs any more. */
  purge(machines: readonly { instance: InstanceId; generation: number }[]): Promise<void>;
  /**
   * The host is welcome under this epoch. A launch that hangs since another one is in no report, and was given
   * up by everybody: it is ended before it can come true. Resolves when none is under way any more.
   */
  enter(epoch: number): Promise<void>;
  /** The managers have these endings: their traces may go. */
  recorded(machines: readonly { instance: InstanceId; generation: number }[]): Promise<void>;
  /** The wish of the instance that this connection is of, and when its machine began. */
  ownerOf(nic: NicId): Owner | undefined;
  /** One that lacks a key is as good as the version before: it is to be said again. */
  held(): readonly { instance: InstanceId; version: number }[];
  reports(): readonly MachineReport[];
  /** The latest about each machine that is being sent to another host. */
  migrations(): readonly MigrationReport[];
  limitStarts(most: number): void;
  /** Gives back volumes that are open for nobody. Call it every few seconds. */
  giveBack(): Promise<void>;
  close(): void;
}

interface Ward {
  held: Held;
  /** What is being done, by its key; a start, and the stops that overtook it. */
  readonly doing: Set<string>;
  retryTimer: NodeJS.Timeout | undefined;
  /** Resolves when a wish of it is written down. Rejects with `wish_not_kept` while none could be. */
  isKept: Promise<void>;
}

/** What failed for a reason of this host is tried again so often. */
const retryPause = milliseconds(1_000);

export function keeper(deps: KeeperDeps): Keeper {
  const { hypervisor, disks, shelf, clock, onReport, log } = deps;
  const wards = new Map<InstanceId, Ward>();
  const notes = new Map<string, Note>();
  const inTurn = turns<InstanceId>();
  const { prepare, cleared, plugged, remove } = provisions(deps.storage, disks, deps.networks);
  /** Incarnations whose volumes are being opened, or are about to be used. */
  const coming = new Set<string>();
  const fit = fitter({
    disks,
    wishOf: fittable,
    onNews(ref) {
      const view = viewOf(ref);
      if (view) onReport([reportOf(view)], []);
    },
    log,
  });
  const boots = bootWatch({
    isBooting: (id) => find(id).some((view) => view.is === "running" && view.guest === "booting"),
    onOverdue: check,
  });
  const { passage, ticks } = deps;
  const departing = migrator({
    ...{ hypervisor, passage, clock, ticks, log },
    onProgress: deps.onMigration,
  });
  /** Launches that are under way of what another host could start, with the epoch of each. */
  const launching = new Map<MachineRef, number>();
  const starts = gate(4);
  let isOpen = true;
  const mayRun = (wish: Wish) => !isShared(wish) || deps.hasLease(wish.epoch);
  const arriving = arrivals({
    ...{ hypervisor, passage, clock, log, mayRun, launching: whileLaunching, close: closeFailed },
    async prepare(wish) {
      coming.add(keyOf({ id: wish.instance, generation: wish.generation }));
      const spec = await cleared(wish);
      const nics = await plugged(wish);
      return { ...spec, nics, disks: await disks.lend(wish) };
    },
    onWaiting: (report) => onReport([report], []),
  });

  return {
    async open() {
      hypervisor.onEvent((event) => {
        if (event.what === "ready" || event.what === "exited") boots.settle(event.id);
        if (event.what === "exited") arriving.dismiss(event);
        const view = viewOf(event);
        if (view && event.what !== "migrating") onReport([reportOf(view)], []);
        arriving.stir(event);
        departing.stir(event.id);
        if (event.what === "exited") void giveBack();
        if (event.what === "exited" || event.what === "migrating") check(event.id);
        // A guest that boots or is paused lets go of nothing; what it has let go of late is to be given back.
        if (event.what === "detached") fit.fitAgain(event.id);
        if (event.what === "resumed" || event.what === "ready") fit.fitTheRest(event.id);
      });
      await hypervisor.adopt();
      await disks.open();
      for (const held of await shelf.load()) adoptWard(held);
      for (const id of wards.keys()) check(id);
    },

    async hear(wishes, deleteVolumes) {
      await Promise.all(wishes.map((wish) => inTurn(wish.instance, () => take(wish))));
      await Promise.all(deleteVolumes.map(removeVolume));
    },

    async seen(machines) {
      await Promise.all(
        machines.map((machine) => inTurn(machine.instance, () => markSeen(machine))),
      );
    },

    async purge(machines) {
      await Promise.all(
        machines.map(({ instance: id, generation }) => hypervisor.stop({ id, generation }, atOnce)),
      );
    },

    async enter(epoch) {
      const late = [...launching].filter(([, begun]) => begun !== epoch);
      await Promise.all(late.map(([ref]) => hypervisor.stop(ref, atOnce)));
    },

    async recorded(machines) {
      await Promise.all(
        machines.map(({ instance, generation }) =>
          inTurn(instance, () => bury({ id: instance, generation })),
        ),
      );
    },

    ownerOf(nic) {
      for (const { held } of wards.values()) {
        if (!held.wish.spec?.nics.some(({ id }) => id === nic)) continue;
        const { instance: id, generation } = held.wish;
        const view = viewOf({ id, generation });
        return { wish: held.wish, since: view?.is === "running" ? view.since : undefined };
      }
      return undefined;
    },

    held: () =>
      [...wards.values()].map(({ held: { wish } }) => ({
        instance: wish.instance,
        version: lacksKeys(wish) ? wish.version - 1 : wish.version,
      })),
    reports() {
      const machines = hypervisor.list().map(reportOf);
      const isThere = ({ instance, generation }: MachineReport) =>
        viewOf({ id: instance, generation }) !== undefined;
      return [...machines, ...arriving.reports().filter((report) => !isThere(report))];
    },
    migrations: departing.latest,
    limitStarts: (most) => starts.limit(most),
    giveBack,
    close() {
      isOpen = false;
      departing.close();
      fit.close();
      boots.close();
      for (const ward of wards.values()) clearTimeout(ward.retryTimer);
    },
  };

  function adoptWard(held: Held, isKept = Promise.resolve()): Ward {
    const id = held.wish.instance;
    const known = wards.get(id);
    if (known) return known;
    isKept.catch(() => {}); // Whoever launches it is told.
    const ward: Ward = {
      held,
      doing: new Set(),
      retryTimer: undefined,
      isKept,
    };
    wards.set(id, ward);
    const machine = find(id).find(({ generation }) => generation === held.wish.generation);
    if (machine?.is === "running" && machine.guest === "booting")
      boots.begin(held.wish, milliseconds(clock.now() - machine.since));
    return ward;
  }

  async function take(wish: Wish): Promise<void> {
    const known = wards.get(wish.instance)?.held;
    if (known && known.wish.version >= wish.version && !isRestOf(known.wish, wish)) return;
    const reboots = known?.wish.generation === wish.generation ? known.reboots : 0;
    const held = { wish, reboots };
    const isKept = shelf.save(held);
    if (!known && wish.want === "running" && find(wish.instance).length === 0) {
      // What is new here may be prepared meanwhile. It is launched when it is written down.
      adoptWard(held, isKept.catch(notKept));
      check(wish.instance);
    }
    await isKept;
    const ref = known && { id: wish.instance, generation: known.wish.generation };
    if (ref && (ref.generation !== wish.generation || wish.want === "stopped"))
      arriving.dismiss(ref);
    if (!wish.migrateTo) departing.forget(wish.instance);
    const ward = adoptWard(held);
    ward.held = held;
    ward.isKept = isKept; // What it began with may not have been kept.
    check(wish.instance);
  }

  async function markSeen({ instance, generation, version }: Seen): Promise<void> {
    const wish = wards.get(instance)?.held.wish;
    if (wish?.generation === generation && wish.version === version - 1)
      await take({ ...wish, version, wasRunning: true });
  }

  async function bury(ref: MachineRef): Promise<void> {
    const view = viewOf(ref);
    if (view && view.is !== "exited") return;
    arriving.dismiss(ref);
    await hypervisor.forget(ref);
    notes.delete(keyOf(ref));
    const ward = wards.get(ref.id);
    if (ward && ward.held.wish.generation <= ref.generation) await drop(ref.id);
  }

  function check(id: InstanceId): void {
    const ward = wards.get(id);
    if (!ward || !isOpen) return;
    const { wish, reboots } = ward.held;
    const isUnderWay = passage.isOpen({ id, generation: wish.generation });
    const machines = find(id);
    const act = tend({ wish, machines, reboots, isBootOverdue: boots.isOverdue(id), isUnderWay });
    fit.fit(id);
    // Before its keys are said again it is not begun, and not ended either: that is soon, if there is a manager.
    if (!act || (opening.has(act.do) && hasForgotten(wish))) return;
    const key =
      act.do === "stop"
        ? `stop ${act.generation} ${act.ladder.acpi} ${act.ladder.terminate}`
        : act.do;
    if (ward.doing.has(key)) return;
    // Only a stop may overtake what is being done.
    if (act.do !== "stop" && ward.doing.size > 0) return;
    ward.doing.add(key);
    clearTimeout(ward.retryTimer);
    void perform(id, ward, act)
      .catch((error: unknown) => {
        log("could not do what is wished", { instance: id, act: act.do, error });
        return false;
      })
      .then((isDone) => {
        ward.doing.delete(key);
        if (isDone) check(id);
        else if (isOpen) ward.retryTimer = setTimeout(() => check(id), retryPause);
      });
  }

  /** Resolves with false if the same should be tried again in a while. */
  async function perform(id: InstanceId, ward: Ward, act: Act): Promise<boolean> {
    const { wish } = ward.held;
    const current = { id, generation: wish.generation };
    switch (act.do) {
      case "start":
        return starts.through(() => start(ward, wish));
      case "stop": {
        const ref = { id, generation: act.generation };
        if (act.why === "boot-overdue") notes.set(keyOf(ref), { isBootOverdue: true });
        log("stop", { ...ref, why: act.why, requestId: wish.requestId });
        const exit = await hypervisor.stop(ref, act.ladder);
        return tellEnd(ref, exit);
      }
      case "expect":
        try {
          const isWished = () =>
            ward.held.wish.want === "incoming" && ward.held.wish.generation === wish.generation;
          await arriving.expect(wish, isWished);
        } catch (error) {
          await closeFailed(current, error);
        }
        return false; // Until it is here or its wish is another.
      case "land":
        if (!mayRun(wish)) return false;
        await hypervisor.land(current);
        return true;
      case "move": {
        const order = () =>
          ward.held.wish.generation === wish.generation
            ? (ward.held.wish.migrateTo ?? undefined)
            : undefined;
        if ((await departing.move(current, order)) !== "done") return false;
        return tellEnd(current, await hypervisor.stop(current, atOnce));
      }
      case "take-back":
        log("runs on here", { ...current, requestId: wish.requestId });
        await hypervisor.resume(current);
        return true;
      case "reset":
        await hypervisor.reset(current, milliseconds(wish.rebootGrace));
        await inTurn(id, async () => {
          if (wards.get(id) !== ward) return;
          ward.held = { wish: ward.held.wish, reboots: ward.held.reboots + 1 };
          await shelf.save(ward.held);
        });
        onReport(
          find(id)
            .filter(({ generation }) => generation === wish.generation)
            .map(reportOf),
          [],
        );
        return true;
      case "forget":
        await hypervisor.forget({ id, generation: act.generation });
        return true;
      case "drop":
        await inTurn(id, async () => {
          if (ward.held.wish === wish) await drop(id);
        });
        return true;
      default:
        return unreachable(act);
    }
  }

  /** A machine that never was has no event of its own to tell its end; nor has one that was forgotten. */
  function tellEnd(ref: MachineRef, exit: Exit): boolean {
    const isKnown = viewOf(ref) !== undefined;
    if (!isKnown || exit.status === "never-launched") onReport([reportOf(ended(ref, exit))], []);
    return isKnown; // What left no trace is told again and again, until it is recorded.
  }

  /** A generation whose start fails is closed for good, so that its end is a fact and not a guess. */
  async function start(ward: Ward, wish: Wish): Promise<boolean> {
    const ref = { id: wish.instance, generation: wish.generation };
    log("start", { ...ref, requestId: wish.requestId });
    coming.add(keyOf(ref));
    try {
      const { volume } = rootOf(wish);
      const isWished = () =>
        ward.held.wish.want === "running" && ward.held.wish.generation === wish.generation;
      // Who has no lease may be dead to the others by now. It is tried again when there is one.
      const mayStart = () => isWished() && mayRun(wish);
      if (!mayStart()) return !isWished();
      const { spec: provided, made } = prepare(wish);
      const found = provided.then((spec) => findTemplate(wish, spec));
      const [spec, template] = await Promise.all([provided, found, made]);
      if (!mayStart()) return !isWished();
      const clearance = async () => {
        const nics = await plugged(wish);
        await ward.isKept; // It may be another one by now.
        return nics;
      };
      const [lent, nics = cardsOf(wish)] = await Promise.all([
        disks.lend(wish),
        isShared(wish) ? clearance() : undefined, // The lease is looked at when there is nothing more to wait for.
      ]);
      if (!mayStart()) return !isWished(); // That may have taken its time.
      await launch({ ...spec, nics, disks: lent, ...template }, clearance(), wish.epoch);
      await lookHowItBegan(ref, wish, template);
      onReport([], [{ volume, is: "ready" }]);
      if (wards.get(ref.id) === ward) boots.begin(ward.held.wish, milliseconds(0));
    } catch (error) {
      if (!isOpen) return true;
      if (isOvertaken(error) && viewOf(ref)) return true; // What there is to tell is told elsewhere.
      log("start failed", { ...ref, requestId: wish.requestId, error });
      await closeFailed(ref, error);
      return viewOf(ref) !== undefined;
    } finally {
      coming.delete(keyOf(ref));
      if (viewOf(ref)?.is !== "running") void giveBack();
    }
    return true;
  }

  /** Whatever is wrong with templates, it can be booted. */
  async function findTemplate(wish: Wish, spec: Provided) {
    const template = await deps.templates?.find(wish, spec).catch((error: unknown) => {
      log("could not look for a template", { instance: wish.instance, error });
      return undefined;
    });
    return template === undefined ? {} : { template };
  }

  async function lookHowItBegan(
    ref: MachineRef,
    { requestId }: Wish,
    { template }: Pick<MachineSpec, "template">,
  ): Promise<void> {
    const view = viewOf(ref);
    const begun = view?.is === "running" ? view.begun : undefined;
    if (template === undefined) return;
    if (begun?.how !== "cold") return log("began from a template", { ...ref, requestId, ...begun });
    log("a template was of no use, and the guest was booted", {
      ...ref,
      requestId,
      why: begun.why,
    });
    await deps.templates?.discard(template).catch((error: unknown) => {
      log("could not delete a template", { template, error });
    });
  }

  /** What the disks of a machine that runs as it should are to be like. */
  function fittable(id: InstanceId): Wish | undefined {
    const wish = wards.get(id)?.held.wish;
    // One that moves takes its disks along as they are.
    if (!wish?.spec || wish.want !== "running" || wish.migrateTo || hasForgotten(wish))
      return undefined;
    const ref = { id, generation: wish.generation };
    return viewOf(ref)?.is === "running" && !coming.has(keyOf(ref)) ? wish : undefined;
  }

  async function giveBack(): Promise<void> {
    if (isOpen) await disks.giveBack((ref) => coming.has(keyOf(ref)));
  }

  async function closeFailed(ref: MachineRef, error: unknown): Promise<Exit> {
    if (!isOpen) throw new Error("This agent is being closed, and ends nothing any more.");
    const reason = error instanceof Problem ? error : strange(error);
    if (!isOvertaken(error)) notes.set(keyOf(ref), { problem: reason });
    const exit = await hypervisor.stop(ref, atOnce);
    arriving.dismiss(ref);
    coming.delete(keyOf(ref));
    void giveBack();
    onReport([reportOf(ended(ref, exit))], []);
    return exit;
  }

  function launch(spec: MachineSpec, cards: Promise<Cards>, epoch: number): Promise<void> {
    return whileLaunching(spec, epoch, hypervisor.start(spec, cards));
  }

  function whileLaunching<T>(spec: MachineSpec, epoch: number, begun: Promise<T>): Promise<T> {
    if (spec.isFenceable) launching.set(spec, epoch);
    return begun.finally(() => {
      launching.delete(spec);
      coming.delete(keyOf(spec));
    });
  }

  async function removeVolume(unwanted: Unwanted): Promise<void> {
    const { volume } = unwanted;
    const isWanted = [...wards.values()].some(({ held: { wish } }) =>
      wish.spec?.disks.some((disk) => disk.volume === volume && disk.pool === unwanted.pool),
    );
    if (isWanted) return; // It has come back since.
    try {
      await remove(unwanted);
      onReport([], [{ volume, is: "deleted" }]);
    } catch (error) {
      log("could not delete a volume", { volume, error });
    }
  }

  async function drop(id: InstanceId): Promise<void> {
    const ward = wards.get(id);
    clearTimeout(ward?.retryTimer);
    boots.settle(id);
    fit.forget(id);
    wards.delete(id);
    await shelf.remove(id);
  }

  function find(id: InstanceId): readonly MachineView[] {
    return hypervisor.list(id);
  }

  function viewOf(ref: MachineRef): MachineView | undefined {
    return find(ref.id).find(({ generation }) => generation === ref.generation);
  }

  function reportOf(view: MachineView): MachineReport {
    const held = wards.get(view.id)?.held;
    const reboots = held?.wish.generation === view.generation ? held.reboots : 0;
    const report = machineReport(view, reboots, notes.get(keyOf(view)), fit.seen(view));
    const relay = view.is === "incoming" ? arriving.relayOf(view) : undefined;
    return relay === undefined ? report : { ...report, relay };
  }
}

/** What opens disks. */
const opening: ReadonlySet<Act["do"]> = new Set(["start", "expect"]);
/** The same version, with the keys that were lacking. */
const isRestOf = (known: Wish, { version }: Wish) => known.version === version && lacksKeys(known);

const atOnce = { acpi: milliseconds(0), terminate: milliseconds(0), kill: milliseconds(5_000) };
const keyOf = ({ id, generation }: MachineRef) => `${id}/${generation}`;
const strange = (error: unknown) =>
  problem(
    "unavailable",
    "launch_failed",
    `The host could not start it: ${error instanceof Error ? error.message : error}`,
    {
      fix: "See the agent's log: holdfast trace INSTANCE",
    },
  );

function notKept(cause: unknown): never {
  throw problem(
    "unavailable",
    "wish_not_kept",
    "The host could not write down that it should run, and would not have known of it after a restart.",
    { fix: "Start it again. An operator looks at the host's disk: see the agent's log." },
    cause,
  );
}

/** Somebody else was faster, or it has run already. */
const isOvertaken = (error: unknown) =>
  error instanceof Problem && (error.code === "overtaken" || error.code === "already_ended");
