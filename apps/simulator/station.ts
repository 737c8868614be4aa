/**
 * A whole host: power, a boot, a real guard, an agent, a watchdog and a power controller, on simulated
 * machines that outlive the processes as disks do.
 *
 * The guard and the agent are the real ones; how they reach each other and the managers is handed in. A host that is
 * frozen does nothing at all, but for its watchdog, which is outside of it.
 */
import { randomBytes } from "node:crypto";
import type { Dial, Joined, Storage } from "@holdfast/cloud/agent/edge";
import { befall, endMachine, type SimulatedMachine } from "@holdfast/drivers/hypervisor/simulated";
import type { Digest } from "@holdfast/drivers/images";
import type { SwitchedMachine } from "@holdfast/drivers/power/simulated";
import type { SimulatedPool } from "@holdfast/drivers/volumes/simulated";
import type { Watchdog, WatchdogKind } from "@holdfast/drivers/watchdog";
import { milliseconds } from "@holdfast/kernel/time";
import type { Logger } from "pino";
import type { GuardClient } from "../agent/guard-client.ts";
import type { Agents } from "../guard/agents.ts";
import type { Target } from "../guard/executioner.ts";
import { type Granted, type Guard, type GuardRenewal, startGuard } from "../guard/guard.ts";
import type { StampFolder } from "../guard/pool-watch.ts";
import { wallClock } from "./clock.ts";
import { newHost, openAgent, type TestHost } from "./hosts.ts";
import type { Ways } from "./passages.ts";
import { type Points, passingOf } from "./points.ts";

/** How one host has a shared pool. */
export interface Mount {
  readonly isHung: boolean;
  hang(isHung: boolean): void;
  /** Resolves when it does not hang. */
  answered(): Promise<void>;
  stamps(directory: string): StampFolder;
}

/** Between a guard and the agents of its host. */
export interface GuardDoor {
  connect(): GuardClient;
  open(agents: Pick<Agents, "connected">): Promise<{ close(): Promise<void> }>;
  close(): Promise<void>;
}

export interface Station extends TestHost, SwitchedMachine {
  readonly mount: Mount;
  /** What its guard and its watchdog did, for whoever asks. */
  readonly deeds: string[];
  /** How often its agent passed a renewal on. */
  renewals: number;
  on(how?: { readonly withAgent: boolean }): Promise<void>;
  /** Power loss: everything ends, and nobody is told. */
  off(): Promise<void>;
  /** Calls back once, in the moment in which its power goes. */
  onOff(act: () => void): void;
  reboot(): Promise<void>;
  killAgent(comesBack?: boolean): void;
  startAgent(): Promise<void>;
  killGuard(comesBack?: boolean): void;
  startGuard(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Its shared storage does not answer, nor can what waits for it be killed. */
  hang(isHung: boolean): void;
  running(): readonly SimulatedMachine[];
  close(): Promise<void>;
}

export interface StationOptions {
  readonly name: string;
  readonly world: TestHost["world"];
  readonly pool: {
    readonly name: string;
    readonly directory: string;
    readonly storage: SimulatedPool;
  };
  readonly mount: Mount;
  readonly dial: (joined: Joined) => Dial;
  /** A guard asks a manager, which may not answer in time. */
  readonly askManager: (address: string, renewal: GuardRenewal, joined: Joined) => Promise<Granted>;
  readonly guardDoor: GuardDoor;
  readonly publish?: Storage["publish"];
  readonly ways?: Ways;
  /** Where its guard and its agent may end; see points.ts. */
  readonly points?: Points;
  /** Its steady clock. That of this process, if absent. */
  readonly steady?: () => number;
  readonly watchdog: WatchdogKind;
  readonly managers: readonly string[];
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly ensureBlob: (digest: Digest, pool: string, host: TestHost) => Promise<string>;
  readonly log: Logger;
}

/** A supervisor's pause before it starts again what has ended. */
const revival = 500;
/** From power to the agent. */
const bootTime = 1_000;

/** By the name of its host. */
export const guardOf = (host: string) => `guard of ${host}`;

export async function newStation(options: StationOptions): Promise<Station> {
  const { name, pool, mount, guardDoor, managers, cpus, memoryMiB, log } = options;
  const steady = options.steady ?? (() => performance.now());
  const deeds: string[] = [];
  /** Killed, and not yet dead: they wait for the store. */
  const doomed = new Set<SimulatedMachine>();
  const notes = new Map<SimulatedMachine, string>();
  const dog = simulatedWatchdog(options.watchdog, () => {
    deeds.push("the watchdog fires");
    void station.reboot();
  });
  const passing = passingOf(options.points, guardOf(name));
  let lease: string | undefined;
  let guard: Guard | undefined;
  let socket: Awaited<ReturnType<GuardDoor["open"]>> | undefined;
  let client: GuardClient | undefined;
  /** One that is killed while it begins never comes to be there, and nobody waits for it any longer. */
  let endWaiting = () => {};
  let late: (() => void)[] | undefined;
  let isOn = false;
  let isClosed = false;
  let isOpening = false;
  let pid = 100;
  const timers = new Set<NodeJS.Timeout>();
  const offListeners: (() => void)[] = [];

  const host = newHost(name, options.world, options.ways);
  host.pools.set(pool.name, pool.storage);
  const station: Station = {
    ...host,
    mount,
    deeds,
    renewals: 0,
    isOn: () => isOn,
    async on({ withAgent } = { withAgent: true }) {
      if (isOn || isClosed) return; // A manager may still have been about to switch it on.
      isOn = true;
      station.bootId = randomBytes(8).toString("hex");
      await station.startGuard();
      if (withAgent) await station.startAgent();
    },
    onOff: (act) => void offListeners.push(act),
    async off() {
      isOn = false;
      for (const act of offListeners.splice(0)) act();
      for (const timer of timers) clearTimeout(timer);
      late = undefined;
      dog.reset();
      station.killAgent(false);
      station.killGuard(false);
      for (const { spec } of station.running())
        befall(station.world, spec, wallClock, "host-rebooted");
      doomed.clear();
    },
    async reboot() {
      await station.off();
      soon(() => void station.on(), bootTime);
    },
    killAgent(comesBack = true) {
      station.agent?.kill();
      station.agent = undefined;
      endWaiting();
      client?.close();
      client = undefined;
      if (comesBack) soon(() => void station.startAgent(), revival);
    },
    startAgent,
    killGuard(comesBack = true) {
      guard?.close();
      guard = undefined;
      void socket?.close();
      socket = undefined;
      if (comesBack) soon(() => void station.startGuard(), revival);
    },
    startGuard: openGuard,
    freeze() {
      late = [];
      station.agent?.freeze();
    },
    thaw() {
      const acts = late ?? [];
      late = undefined;
      guard?.look(); // Its timer is long overdue, and comes before anything that has arrived.
      for (const act of acts) act();
      station.agent?.thaw();
    },
    hang(isHung) {
      mount.hang(isHung);
      if (isHung) return;
      for (const machine of doomed) kill(machine);
      doomed.clear();
    },
    running: () => [...station.world.machines.values()].filter(({ exit }) => !exit),
    async close() {
      isClosed = true;
      await station.off();
      await guardDoor.close();
    },
  };
  return station;

  async function startAgent(): Promise<void> {
    if (!isOn || station.agent || !station.joined) return;
    const mine = guardDoor.connect();
    client = mine;
    const agentPid = ++pid;
    const killed = new Promise<void>((resolve) => {
      endWaiting = resolve;
    });
    const opening = openAgent(station, {
      managers,
      cpus,
      memoryMiB,
      ensureBlob: (digest, asked) => options.ensureBlob(digest, asked, station),
      log,
      station: {
        dial: options.dial(station.joined),
        ticks: steady,
        answered: async (asked) => (asked === pool.name ? mount.answered() : undefined),
        pools: [pool.name],
        ...(options.publish && { publish: options.publish }),
        ...(options.points && { points: options.points }),
        onRenewed(sentAt, terms) {
          station.renewals++;
          mine.renewed({
            ...terms,
            ...{ sentAt, bootId: station.bootId, agentPid, managers },
            pools: { [pool.name]: pool.directory },
          });
        },
        guard: mine.report,
        mayLaunchFenceable: mine.mayLaunchFenceable,
        vitalsEvery: 60_000,
      },
    });
    const begun = opening.then((agent) => {
      if (client === mine) station.agent = agent;
      else agent.kill();
    });
    await Promise.race([begun, killed]);
  }

  async function openGuard(): Promise<void> {
    if (!isOn || guard || isOpening) return;
    isOpening = true;
    const { bootId, joined } = station;
    const mine = await startGuard({
      ticks: steady,
      clockId: bootId,
      every(interval, act) {
        const timer = setInterval(() => late ?? act(), interval);
        return () => clearInterval(timer);
      },
      watchdog: dog,
      openPool: (asked) => mount.stamps(asked),
      findMachines: async () => targets(),
      askManager: (address, renewal) =>
        options
          .askManager(address, renewal, joined as Joined) // It has joined before its first boot.
          .then(async (terms) => {
            await thawed();
            return terms;
          }),
      findAgent: () => {
        const { agent } = station;
        return (
          agent && {
            kill() {
              if (station.agent !== agent) return;
              deeds.push("the guard kills the agent");
              station.killAgent();
            },
          }
        );
      },
      shelf: {
        read: async () => lease,
        async write(text) {
          lease = text;
        },
      },
      log: (message, about) => log.info({ host: name, ...about }, message),
    });
    const door = await guardDoor.open({
      connected(send) {
        const agent = mine.agents.connected(send);
        return { said: (line) => later(() => agent.said(line)), closed: () => agent.closed() };
      },
    });
    isOpening = false;
    if (isOn && station.bootId === bootId) {
      guard = mine;
      socket = door;
      return;
    }
    mine.close(); // The power was gone before it was up.
    await door.close();
    await openGuard();
  }

  function later(act: () => void): void {
    if (late) late.push(act);
    else act();
  }

  async function thawed(): Promise<void> {
    while (late) await new Promise<void>((resolve) => late?.push(resolve));
  }

  function targets(): Target[] {
    return station
      .running()
      .filter(({ spec }) => spec.isFenceable)
      .map((machine) => {
        const { id, generation, name: guest } = machine.spec;
        return {
          key: `${id}.g${generation}`,
          name: guest,
          note: (why) => passing("notes why", async () => void notes.set(machine, why)),
          kill: () =>
            passing("kills", () => {
              if (mount.isHung) doomed.add(machine);
              else kill(machine);
              return true;
            }),
        };
      });
  }

  function kill(machine: SimulatedMachine): void {
    if (machine.exit) return;
    const why = notes.get(machine) ?? "no note";
    deeds.push(`the guard kills ${machine.spec.name} g${machine.spec.generation}`);
    const fenced = { at: wallClock.now(), why };
    endMachine(station.world, machine.spec, wallClock, { status: { signal: "SIGKILL" }, fenced });
  }

  function soon(act: () => void, wait: number): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, wait);
    timers.add(timer);
  }
}

/** Outside of the host: it goes on counting, whatever happens in there. */
function simulatedWatchdog(
  kind: WatchdogKind,
  onFire: () => void,
): Watchdog & { /** The machine is off, or begins anew. */ reset(): void } {
  let timer: NodeJS.Timeout | undefined;
  let timeout = 0;
  const wind = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = undefined;
      onFire();
    }, timeout);
  };
  const reset = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    kind,
    identity: "simulated",
    isArmed: () => timer !== undefined,
    async arm(wanted) {
      if (kind === "none") return milliseconds(0);
      timeout = wanted;
      wind();
      return wanted;
    },
    pet() {
      if (timer === undefined) return kind === "none";
      wind();
      return true;
    },
    disarm: async () => reset(),
    close: () => {},
    reset,
  };
}
