/**
 * A hypervisor made of a Map. The world it runs in is passed in and outlives it, exactly as QEMU
 * processes outlive the agent that started them; so do its records of who was launched and who ended.
 *
 * Cheap enough for thousands of machines in one process: a machine is one object, and the only timer
 * it ever has is the end of its boot. Time comes from the clock, so a test turns it.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import { after, type Clock, milliseconds } from "@holdfast/kernel/time";
import { type Breakable, breakable } from "./breakable.ts";
import type {
  Begun,
  Cards,
  Exit,
  Hypervisor,
  MachineEvent,
  MachineRef,
  MachineSpec,
  MachineView,
  StopLadder,
} from "./driver.ts";
import {
  alreadyEnded,
  beingClosed,
  launchFailed,
  notRunning,
  notStopped,
  silent,
  stillRunning,
  templateNotMade,
} from "./refusals.ts";
import { simulatedConsoles } from "./simulated-console.ts";
import { endHung } from "./simulated-deaths.ts";
import { attach, backUp, detach, known, told, viewOfDisk } from "./simulated-disks.ts";
import { forbidMachine, launchMachine } from "./simulated-launch.ts";
import type { Arrival, SimulatedMachine } from "./simulated-machine.ts";
import * as moving from "./simulated-migration.ts";
import { isUp, machinesOf, viewOf } from "./simulated-view.ts";
import {
  endMachine,
  type Happening,
  happen,
  isAlive,
  keyOf,
  note,
  resetMachine,
  type SimulatedWorld,
  say,
} from "./simulated-world.ts";
import { fitsOrder, type Order } from "./standby-fit.ts";

export * from "./simulated-deaths.ts";
export type { SimulatedMachine } from "./simulated-machine.ts";
export { cutWire } from "./simulated-migration.ts";
export * from "./simulated-world.ts";

export function simulatedHypervisor(world: SimulatedWorld, clock: Clock): Hypervisor {
  /** Machines whose events are news: started or adopted by this driver. */
  const announced = new Set<SimulatedMachine>();
  /** Whoever waits for the end of a machine, or for its launch to be over. */
  const waiting = new Map<SimulatedMachine, Set<() => void>>();
  /** Starts that wait for their cards. */
  const starting = new Map<string, Breakable<Cards>>();
  const consoles = simulatedConsoles(world, clock);
  /** They are this driver's: with the next one they are gone. */
  let onStandby: readonly Order[] = [];
  let listener: (event: MachineEvent) => void = () => {};
  world.attached.add(hear);

  return {
    acceleration: { kind: "simulated", reason: "Nothing is real here." },

    async start(asked, cards) {
      const nics = cards && (await untilReady(asked, cards));
      const spec = nics ? { ...asked, nics } : asked;
      const known = world.machines.get(keyOf(spec));
      if (known?.exit) throw alreadyEnded(spec);
      if (known && !known.hangsAtLaunch) return;
      const machine = known ?? launch(spec);
      if (machine.hangsAtLaunch) await end(machine);
      if (machine.exit) throw launchFailed(machine.exit.status, []);
      announced.add(machine);
      tell(machine, { what: spec.paused ? "paused" : "running" });
      planReady(machine);
    },

    templateKey: async (spec, contents) => JSON.stringify([spec, contents]),
    async makeTemplate(spec, directory) {
      if (!world.waitsForItsName(spec))
        throw templateNotMade("its guest never said that it waits", []);
      world.templates.set(directory, "whole");
      return spec.memoryMiB * 2 ** 20;
    },

    async standBy(template, spec) {
      if (!world.readsItsRom(spec)) return false;
      if (world.templates.get(template) !== "whole")
        throw new Error("its memory could not be read");
      onStandby = [...onStandby, { template, spec }];
      return true;
    },
    standbys: () => onStandby.map(({ template }) => template),
    async standDown(template) {
      const found = onStandby.find((each) => each.template === template);
      onStandby = onStandby.filter((each) => each !== found);
    },

    async stop(ref, ladder) {
      const machine = world.machines.get(keyOf(ref)) ?? forbidMachine(world, clock, ref);
      breakOff(ref);
      if (!("spec" in machine)) return machine;
      return machine.exit ?? climbDown(machine, ladder);
    },

    async reset(ref, grace) {
      const machine = answering(ref, "system_reset");
      // A deaf guest uses up its grace before the button is pressed.
      if (grace > 0 && world.tempers.get(ref.id)?.isDeaf) await clock.sleep(grace);
      resetMachine(world, machine, clock, "host-qmp-system-reset");
    },

    async pause(ref, atMost) {
      const machine = answering(ref, "stop");
      if (atMost === undefined) machine.heldUntil = undefined;
      if (machine.phase !== "running") return;
      if (atMost !== undefined) {
        machine.heldUntil = after(clock.now(), atMost);
        planRelease(machine);
      }
      machine.phase = "paused";
      note(machine, clock, "STOP");
      happen(world, machine, { what: "paused" });
    },

    async resume(ref) {
      const machine = answering(ref, "cont");
      moving.takeBack(world, machine);
      goOn(machine);
    },

    async freeze(ref, atMost) {
      const machine = answering(ref, "query-chardev");
      if (!world.hasGuestAgent(machine.spec)) return false;
      machine.frozenUntil = after(clock.now(), atMost);
      return true;
    },

    async thaw(ref) {
      answering(ref, "query-chardev").frozenUntil = undefined;
    },

    async disks(ref) {
      return [...answering(ref, "query-block").disks.values()].map(viewOfDisk);
    },
    async attachDisk(ref, disk) {
      attach(world, answering(ref, "device_add"), disk);
    },
    async detachDisk(ref, disk, within) {
      await detach(world, answering(ref, "device_del"), disk, within, clock);
    },
    async resizeDisk(ref, id, bytes) {
      const disk = known(answering(ref, "block_resize"), id);
      disk.bytes = Math.max(disk.bytes, bytes);
      world.backing.grow(disk.disk, bytes);
    },
    async setDiskLimits(ref, id, limits) {
      known(answering(ref, "qom-set"), id).limits = told(limits);
    },
    async snapshotDisks(ref, ids, name) {
      const machine = answering(ref, "transaction");
      for (const disk of ids.map((id) => known(machine, id))) {
        world.backing.snapshot(disk.disk, name, clock.now());
        disk.snapshots = [...disk.snapshots.filter((each) => each !== name), name];
      }
    },
    async removeDiskSnapshot(ref, id, name) {
      const disk = known(answering(ref, "blockdev-snapshot-delete-internal-sync"), id);
      disk.snapshots = disk.snapshots.filter((each) => each !== name);
      world.backing.removeSnapshot(disk.disk, name);
    },
    async backupDisk(ref, id, order) {
      backUp(world, known(answering(ref, "blockdev-backup"), id), order);
    },

    formOf: async (ref) => moving.formOf(answering(ref, "query-machine")),
    async receive(spec, form) {
      const known = world.machines.get(keyOf(spec));
      if (known?.exit || (known && !known.arrival)) throw alreadyEnded(spec);
      const machine = known ?? launch({ ...spec, paused: true }, moving.newArrival());
      const { arrival } = machine;
      if (machine.hangsAtLaunch) await end(machine);
      if (machine.exit || !arrival) throw launchFailed(machine.exit?.status, []);
      announced.add(machine);
      return moving.expect({ world, machine, clock }, arrival, form);
    },
    async migrate(ref, departure) {
      moving.send({ world, machine: answering(ref, "migrate"), clock }, departure);
    },
    migration: async (ref) =>
      moving.viewOf({ world, machine: answering(ref, "query-migrate"), clock }),
    async steer(ref, rung) {
      moving.steer({ world, machine: answering(ref, rung), clock }, rung);
    },
    async land(ref) {
      moving.land({ world, machine: answering(ref, "cont"), clock });
    },

    async adopt() {
      for (const machine of world.machines.values()) {
        announced.add(machine);
        if (isUp(machine, clock.now()) && !machine.saidReady) sayReady(machine); // While we were away.
        planReady(machine);
        planRelease(machine);
        if (machine.isStoppedByWatchdog)
          void Promise.resolve().then(() => endHung(world, machine, clock));
      }
      return views();
    },

    list: views,
    onEvent(heard) {
      listener = heard;
    },

    async examine(ref, within) {
      const machine = running(ref);
      const { bootedAt, bootedBy, isFrozen, isHung, stuckRequests, disk } = machine;
      const view = viewOf(machine, clock.now());
      const guest = view.is === "running" ? view.guest : "booting";
      const seen = { guest, bootedAt, bootedBy };
      if (isFrozen) {
        await clock.sleep(within);
        return { ...seen, disks: [], agent: "none" };
      }
      return {
        ...seen,
        answeredIn: milliseconds(0),
        runState: guest === "booting" || guest === "up" ? "running" : guest,
        disks: [{ node: "disk0", ...disk, inFlight: stuckRequests }],
        agent: guest !== "up" ? "none" : isHung ? "silent" : "answers",
      };
    },

    console: async (ref) => consoles.sitDown(running(ref)),

    consoleLog: async (ref, lines) =>
      lines > 0 ? (world.machines.get(keyOf(ref))?.log.slice(-lines) ?? []) : [],

    async forget(ref) {
      const machine = world.machines.get(keyOf(ref));
      if (machine && !machine.exit) throw stillRunning(ref);
      breakOff(ref);
      world.machines.delete(keyOf(ref));
      if (machine) announced.delete(machine);
    },

    async close() {
      onStandby = [];
      for (const waits of starting.values()) waits.breakOff(beingClosed());
      world.attached.delete(hear);
      consoles.close();
    },
  };

  function views(id?: InstanceId): readonly MachineView[] {
    const now = clock.now();
    const asked = id ? machinesOf(world, id) : [...world.machines.values()];
    return asked.map((machine) => viewOf(machine, now));
  }

  async function untilReady(spec: MachineSpec, cards: Promise<Cards>): Promise<Cards> {
    const key = keyOf(spec);
    const waits = starting.get(key) ?? breakable(cards);
    starting.set(key, waits);
    try {
      return await waits.ready;
    } finally {
      if (starting.get(key) === waits) starting.delete(key);
    }
  }

  function breakOff(ref: MachineRef): void {
    starting.get(keyOf(ref))?.breakOff(alreadyEnded(ref));
  }

  function launch(spec: MachineSpec, arrival?: Arrival): SimulatedMachine {
    const how = { ...(arrival ? { arrival } : {}), takeStandby: () => takeStandby(spec) };
    return launchMachine(world, clock, spec, how);
  }

  function takeStandby(spec: MachineSpec): Begun | undefined {
    const found = onStandby.find((each) => fitsOrder(each, spec));
    if (!found) return undefined;
    onStandby = onStandby.filter((each) => each !== found);
    return { how: "warm", took: milliseconds(0), wasOnStandby: true };
  }

  function planReady(machine: SimulatedMachine): void {
    const { readyAt, boots, saidReady } = machine;
    if (readyAt === undefined || saidReady || machine.exit || machine.phase !== "running") return;
    void clock.sleep(milliseconds(Math.max(0, readyAt - clock.now()))).then(() => {
      const isVoid = machine.boots !== boots || machine.readyAt !== readyAt || machine.saidReady;
      if (isVoid || machine.exit || machine.phase !== "running" || !world.attached.has(hear))
        return;
      // A timer may ring a millisecond early by the clock, and whoever then looks would see it booting.
      if (clock.now() < readyAt) return planReady(machine);
      sayReady(machine);
      happen(world, machine, { what: "ready" });
    });
  }

  function goOn(machine: SimulatedMachine): void {
    machine.heldUntil = undefined;
    if (machine.phase === "running") return;
    machine.phase = "running";
    note(machine, clock, "RESUME");
    if (!machine.saidReady && machine.readyAt !== undefined)
      machine.readyAt = after(clock.now(), world.bootTime);
    happen(world, machine, { what: "resumed" });
    planReady(machine);
  }

  /** A pause with an end is ended, by whoever is there then. */
  function planRelease(machine: SimulatedMachine): void {
    const { heldUntil } = machine;
    if (heldUntil === undefined || machine.exit) return;
    void clock.sleep(milliseconds(Math.max(0, heldUntil - clock.now()))).then(() => {
      if (machine.heldUntil !== heldUntil || machine.exit || !world.attached.has(hear)) return;
      if (clock.now() < heldUntil) return planRelease(machine);
      goOn(machine);
    });
  }

  function sayReady(machine: SimulatedMachine): void {
    machine.saidReady = true;
    say(machine, clock, "holdfast: ready");
  }

  async function climbDown(machine: SimulatedMachine, ladder: StopLadder): Promise<Exit> {
    const temper = world.tempers.get(machine.spec.id) ?? {};
    machine.wasAskedToEnd = true;
    const isHanging = machine.isFrozen || machine.hangsAtLaunch;
    const canReact = !isHanging && isAlive(machine) && machine.phase === "running";
    const obeys = !temper.isDeaf && !machine.isHung && machine.readyAt !== undefined;
    // The button is pressed again and again, so a guest that is still booting gets it in the end.
    const untilUp = machine.readyAt === undefined ? 0 : Math.max(0, machine.readyAt - clock.now());
    const steps = [
      [canReact ? ladder.acpi : 0, obeys, { code: 0 }, "guest-shutdown"],
      [ladder.terminate, !machine.isFrozen, { code: 0 }, "host-qmp-quit"],
      [ladder.kill, !temper.isUndying, { signal: "SIGKILL" }, undefined],
    ] as const;
    for (const [patience, works, status, reason] of steps) {
      if (machine.exit) return machine.exit;
      if (patience <= 0) continue;
      if (reason === "guest-shutdown") note(machine, clock, "POWERDOWN");
      const takes = milliseconds(reason === "guest-shutdown" ? untilUp + world.powerOffTime : 0);
      const inTime = works && takes <= patience;
      const wait = inTime ? takes : milliseconds(patience);
      if (wait > 0) await Promise.race([clock.sleep(wait), end(machine)]);
      if (inTime) endMachine(world, machine.spec, clock, { status, ...(reason ? { reason } : {}) });
    }
    if (machine.exit) return machine.exit;
    throw notStopped();
  }

  function running(ref: MachineRef): SimulatedMachine {
    const machine = world.machines.get(keyOf(ref));
    if (!machine || machine.exit) throw notRunning(ref);
    return machine;
  }

  function answering(ref: MachineRef, command: string): SimulatedMachine {
    const machine = running(ref);
    if (machine.isFrozen) throw silent(command);
    return machine;
  }

  function end(machine: SimulatedMachine): Promise<void> {
    if (machine.exit) return Promise.resolve();
    return new Promise((resolve) => {
      const all = waiting.get(machine) ?? new Set();
      waiting.set(machine, all.add(resolve));
    });
  }

  function hear(machine: SimulatedMachine, what: Happening): void {
    tell(machine, what);
    if (what.what === "reset") planReady(machine);
    if (what.what !== "exited") return;
    for (const wake of waiting.get(machine) ?? []) wake();
    waiting.delete(machine);
    consoles.leave(machine);
  }

  function tell(machine: SimulatedMachine, what: Happening): void {
    const { id, generation } = machine.spec;
    if (announced.has(machine)) listener({ id, generation, ...what });
  }
}
