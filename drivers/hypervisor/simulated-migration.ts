/**
 * Moving simulated machines between worlds. A wire is a name that both ends know, as a socket would be; a test
 * can cut it, which is what the death of either agent does to the real one.
 *
 * There is no memory. What counts is how fast it would go and how fast the guest changes it: a guest that is
 * faster than its wire never gets there, until somebody slows it down or lets it run on the other side.
 */
import { type Clock, type Instant, milliseconds, since } from "@holdfast/kernel/time";
import type { Departure, Landing, MachineForm, MigrationRung, MigrationView } from "./driver.ts";
import { cannotSteer, notArrived, notMovable } from "./refusals.ts";
import type { Arrival, Sending, SimulatedMachine } from "./simulated-machine.ts";
import { endMachine, happen, type SimulatedWorld } from "./simulated-world.ts";

interface Side {
  readonly world: SimulatedWorld;
  readonly machine: SimulatedMachine;
  readonly clock: Clock;
}

interface Wire {
  readonly to: Side;
  readonly form: MachineForm;
  from: Side | undefined;
}

/** As long as the machine that waits at the end of it lives. */
const wires = new Map<string, Wire>();
let laid = 0;

/** A guest whose processors are slowed down as far as QEMU does it changes this share of its memory still. */
const throttled = 0.01;
const noWire = "connect: no such file or directory";

export function formOf({ saidReady }: SimulatedMachine): MachineForm {
  return { board: "simulated", vmGenerationId: "simulated", isUp: saidReady };
}

/** For a machine that is about to be launched. */
export const newArrival = (): Arrival => ({ wire: `/simulated/wire-${++laid}`, hasArrived: false });

export function expect(side: Side, arrival: Arrival, form: MachineForm): Landing {
  const { machine } = side;
  const { wire } = arrival;
  machine.onEnd = () => partWays(machine);
  if (!wires.has(wire)) wires.set(wire, { to: side, form, from: undefined });
  return { memory: wire, disks: wire, postcopy: side.world.postcopy };
}

export function send(side: Side, departure: Departure): void {
  const { world, machine, clock } = side;
  if (machine.phase !== "running" || machine.hasLeft) throw notMovable("it stands still");
  if (isUnderWay(machine.sending)) return;
  const now = clock.now();
  const sizes = departure.mirrored.map((id) => machine.disks.get(id)?.bytes ?? 0);
  const sending: Sending = {
    departure,
    status: sizes.length > 0 ? "mirroring" : "active",
    says: undefined,
    begunAt: sizes.length > 0 ? undefined : now,
    stillAt: undefined,
    endedAt: undefined,
    at: now,
    memoryLeft: machine.spec.memoryMiB * 2 ** 20,
    disksLeft: sizes.reduce((sum, bytes) => sum + bytes * world.diskUse, 0),
    isThrottled: false,
    turn: 0,
  };
  machine.sending = sending;
  machine.onEnd = () => partWays(machine);
  const wire = wires.get(departure.memory);
  if (!wire || wire.to.machine.exit || wire.from) fail(side, sending, noWire);
  else {
    wire.from = side;
    plan(side, sending);
  }
}

export function viewOf({ world, machine, clock }: Side): MigrationView {
  const { sending } = machine;
  const totalBytes = machine.spec.memoryMiB * 2 ** 20;
  if (!sending) return { ...nothing, totalBytes };
  const now = clock.now();
  if (isUnderWay(sending)) advance(world, machine, sending, now);
  const { status, says, begunAt, stillAt, endedAt, memoryLeft, disksLeft } = sending;
  const isMine = status === "completed" && !machine.hasLeft; // It was taken back.
  return {
    status: isMine ? "failed" : status,
    ...(says === undefined ? {} : { says }),
    elapsed: milliseconds(begunAt === undefined ? 0 : (endedAt ?? now) - begunAt),
    ...(stillAt === undefined || endedAt === undefined
      ? {}
      : { downtime: since(stillAt, endedAt) }),
    remainingBytes: Math.ceil(memoryLeft),
    totalBytes,
    bytesPerSecond: isUnderWay(sending) ? speedOf(world, sending) : 0,
    dirtyBytesPerSecond: dirtyRate(world, machine, sending),
    disksRemainingBytes: Math.ceil(disksLeft),
    areDisksReady: disksLeft === 0,
    isThrottled: sending.isThrottled,
  };
}

export function steer(side: Side, rung: MigrationRung): void {
  const { world, machine, clock } = side;
  const { sending } = machine;
  if (!sending || !isUnderWay(sending)) throw cannotSteer(rung, sending?.status ?? "none");
  const { status } = sending;
  advance(world, machine, sending, clock.now());
  if (rung === "cancel" && status !== "postcopy-active") {
    end(side, sending, "cancelled");
    return;
  }
  if (rung === "slow-down" && (status === "active" || status === "setup"))
    sending.isThrottled = true;
  else if (rung === "switch" && status === "pre-switchover") sending.status = "device";
  else if (rung === "postcopy" && status === "active" && canFollow(sending)) {
    standStill(side, sending);
    sending.status = "postcopy-active";
    machine.hasLeft = true;
    arrive(sending);
  } else throw cannotSteer(rung, status);
  happen(world, machine, { what: "migrating" });
  plan(side, sending);
}

export function land({ world, machine, clock }: Side): void {
  const { arrival } = machine;
  if (!arrival) return;
  if (!arrival.hasArrived) throw notArrived();
  const wire = wires.get(arrival.wire);
  machine.arrival = undefined;
  machine.phase = "running";
  machine.bootedAt = clock.now();
  machine.readyAt = clock.now();
  machine.saidReady = wire?.form.isUp ?? false;
  happen(world, machine, { what: "running" });
}

/** Runs here again. */
export function takeBack(world: SimulatedWorld, machine: SimulatedMachine): void {
  if (machine.arrival) throw notArrived();
  if (!machine.hasLeft) return;
  machine.hasLeft = false;
  machine.isStill = false;
  happen(world, machine, { what: "resumed" });
}

/** Everything on it is lost, and both ends hear of it. May be repeated. */
export function cutWire(name: string): void {
  const wire = wires.get(name);
  if (!wire) return;
  const { from, to } = wire;
  if (from) lose(from);
  // What has all arrived needs no wire any more.
  if (to.machine.arrival && !to.machine.arrival.hasArrived) giveUp(name, to);
}

/** A machine that is sent or received has ended. */
function partWays(machine: SimulatedMachine): void {
  const { sending, arrival } = machine;
  if (sending && isUnderWay(sending)) cutWire(sending.departure.memory);
  for (const [name, { from, to }] of wires) {
    if (to.machine !== machine) continue;
    wires.delete(name);
    if (from && (arrival || from.machine.sending?.status === "postcopy-active")) lose(from);
  }
}

function lose(from: Side): void {
  const { sending } = from.machine;
  if (sending && isUnderWay(sending)) fail(from, sending, "Unable to write to socket: Broken pipe");
}

function giveUp(name: string, { world, machine, clock }: Side): void {
  wires.delete(name);
  endMachine(world, machine.spec, clock, {
    status: { code: 1 },
    hypervisorLog: ["load of migration failed: Input/output error"],
  });
}

const isUnderWay = (sending: Sending | undefined) =>
  sending !== undefined && !["completed", "cancelled", "failed"].includes(sending.status);

const canFollow = ({ departure, disksLeft }: Sending) => departure.mayPostcopy && disksLeft === 0;

const speedOf = (world: SimulatedWorld, { departure: { bytesPerSecond } }: Sending) =>
  Math.min(world.wireSpeed, bytesPerSecond ?? Number.POSITIVE_INFINITY);

const dirtyRate = (world: SimulatedWorld, { spec }: SimulatedMachine, { isThrottled }: Sending) =>
  (world.tempers.get(spec.id)?.dirtyBytesPerSecond ?? 0) * (isThrottled ? throttled : 1);

/** Where it has got to by now. */
function advance(
  world: SimulatedWorld,
  machine: SimulatedMachine,
  sending: Sending,
  now: Instant,
): void {
  const gone = (now - sending.at) / 1_000;
  sending.at = now;
  const speed = speedOf(world, sending);
  if (sending.status === "mirroring")
    sending.disksLeft = Math.max(0, sending.disksLeft - speed * gone);
  if (sending.status === "active") {
    const gain = speed - dirtyRate(world, machine, sending);
    const most = machine.spec.memoryMiB * 2 ** 20;
    sending.memoryLeft = Math.min(most, Math.max(0, sending.memoryLeft - gain * gone));
  }
  if (sending.status === "postcopy-active")
    sending.memoryLeft = Math.max(0, sending.memoryLeft - speed * gone);
}

/** Comes back when the next thing happens by itself. */
function plan(side: Side, sending: Sending): void {
  const { world, machine, clock } = side;
  const turn = ++sending.turn;
  const speed = speedOf(world, sending);
  const wait = (): number | undefined => {
    switch (sending.status) {
      case "mirroring":
        return sending.disksLeft / speed;
      case "active": {
        const gain = speed - dirtyRate(world, machine, sending);
        return gain > 0 ? sending.memoryLeft / gain : undefined;
      }
      case "postcopy-active":
        return sending.memoryLeft / speed;
      case "device":
        return world.switchTime / 1_000;
      default:
        return undefined;
    }
  };
  const left = wait();
  if (left === undefined) return;
  void clock.sleep(milliseconds(Math.ceil(left * 1_000))).then(() => {
    if (sending.turn !== turn || machine.exit || machine.sending !== sending) return;
    if (!isUnderWay(sending)) return;
    advance(world, machine, sending, clock.now());
    next(side, sending);
  });
}

function next(side: Side, sending: Sending): void {
  const { world, machine, clock } = side;
  switch (sending.status) {
    case "mirroring":
      sending.disksLeft = 0;
      sending.status = "active";
      sending.begunAt = clock.now();
      break;
    case "active":
      sending.memoryLeft = 0;
      standStill(side, sending);
      sending.status = sending.departure.mirrored.length > 0 ? "pre-switchover" : "device";
      break;
    case "device":
    case "postcopy-active":
      end(side, sending, "completed");
      return;
    default:
      return;
  }
  happen(world, machine, { what: "migrating" });
  plan(side, sending);
}

const standStill = ({ machine, clock }: Side, sending: Sending) => {
  sending.stillAt = clock.now();
  machine.isStill = true;
};

function end(side: Side, sending: Sending, status: "completed" | "cancelled"): void {
  const { world, machine, clock } = side;
  sending.status = status;
  sending.endedAt = clock.now();
  sending.memoryLeft = 0;
  machine.isStill = status === "completed";
  if (status === "completed") {
    machine.hasLeft = true;
    arrive(sending);
  } else {
    const wire = wires.get(sending.departure.memory);
    if (wire) giveUp(sending.departure.memory, wire.to);
  }
  happen(world, machine, { what: "migrating" });
}

function fail(side: Side, sending: Sending, says: string): void {
  const { world, machine, clock } = side;
  const isLost = sending.status === "postcopy-active";
  sending.status = isLost ? "postcopy-paused" : "failed";
  sending.says = says;
  sending.endedAt = clock.now();
  machine.isStill = isLost;
  happen(world, machine, { what: "migrating" });
}

function arrive({ departure }: Sending): void {
  const to = wires.get(departure.memory)?.to;
  if (!to?.machine.arrival || to.machine.exit) return;
  to.machine.arrival.hasArrived = true;
  happen(to.world, to.machine, { what: "migrating" });
}

const nothing = {
  status: "none",
  elapsed: milliseconds(0),
  remainingBytes: 0,
  bytesPerSecond: 0,
  dirtyBytesPerSecond: 0,
  disksRemainingBytes: 0,
  areDisksReady: true,
  isThrottled: false,
} as const;
