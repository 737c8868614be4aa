/**
 * A world for guards without a real second in it: a clock that is turned by hand, pools in memory that can
 * hang, watchdogs that fire, and machines that die when they are told to, or do not.
 *
 * Many guards may share one world: that is a fleet. Everything that a guard begins is given the chance to
 * finish before the clock moves on.
 */
import type { GuardState, Renewed } from "@holdfast/cloud/agent";
import type { Watchdog } from "@holdfast/drivers/watchdog";
import { milliseconds } from "@holdfast/kernel/time";
import type { Killed, Target } from "./executioner.ts";
import { type Granted, type Guard, startGuard } from "./guard.ts";
import type { StampFolder } from "./pool-watch.ts";

export interface World {
  now(): number;
  /** Turns the clock, 100 ms at a time, until `isSo` or for so long. Resolves with how long it took. */
  turn(duration: number, isSo?: () => boolean): Promise<number>;
  every(interval: number, act: () => void): () => void;
}

export function turnedWorld(): World {
  let now = 1_000_000;
  const acts = new Set<() => void>();
  return {
    now: () => now,
    async turn(duration, isSo = () => false) {
      const from = now;
      while (now - from < duration && !isSo()) {
        now += 100;
        for (const act of [...acts]) act();
        await settled();
      }
      return now - from;
    },
    every(_, act) {
      acts.add(act);
      return () => acts.delete(act);
    },
  };
}

/** Promises that wait for nothing but each other are over after some turns of the event loop. */
async function settled(): Promise<void> {
  for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(resolve));
}

export interface TestPool extends StampFolder {
  readonly stamps: Map<string, string>;
  /** From now on nothing comes back, until it is let go: then everything does. */
  hang(isHung: boolean): void;
  fail(isFailing: boolean): void;
}

export function memoryPool(): TestPool {
  const stamps = new Map<string, string>();
  let waiting: (() => void)[] = [];
  let [isHung, isFailing] = [false, false];
  const pass = async <T>(act: () => T): Promise<T> => {
    if (isHung) await new Promise<void>((resolve) => waiting.push(resolve));
    if (isFailing) throw new Error("EIO");
    return act();
  };
  return {
    stamps,
    write: (host, stamp) => pass(() => void stamps.set(host, stamp)),
    probe: () => pass(() => {}),
    read: () => pass(() => new Map(stamps)),
    hang(next) {
      isHung = next;
      if (isHung) return;
      for (const resolve of waiting) resolve();
      waiting = [];
    },
    fail: (next) => {
      isFailing = next;
    },
  };
}

/** A watchdog on the turned clock. */
export interface TestWatchdog extends Watchdog {
  firedAt(): number | undefined;
}

function turnedWatchdog(world: World, onFire: () => void, rounding = 0): TestWatchdog {
  let until: number | undefined;
  let time = 0;
  let firedAt: number | undefined;
  world.every(100, () => {
    if (until === undefined || world.now() < until) return;
    until = undefined;
    firedAt = world.now();
    onFire();
  });
  return {
    kind: "simulated",
    identity: "turned",
    firedAt: () => firedAt,
    isArmed: () => until !== undefined,
    async arm(wanted) {
      time = wanted + rounding;
      until = world.now() + time;
      return milliseconds(time);
    },
    pet() {
      if (until !== undefined) until = world.now() + time;
      return until !== undefined;
    },
    async disarm() {
      until = undefined;
    },
    close: () => {},
  };
}

export interface TestMachine extends Target {
  diedAt: number | undefined;
  notes: string[];
  /** In uninterruptible sleep: SIGKILL does not end it. */
  isStuck: boolean;
}

/** One host: what stays when its guard goes, and the guard. */
export interface TestGuard {
  readonly machines: TestMachine[];
  readonly pools: Map<string, TestPool>;
  readonly watchdog: TestWatchdog;
  readonly killed: Killed[];
  readonly said: string[];
  /** How long its disk takes for a file. */
  disk: () => Promise<void>;
  /** How long it takes to look for machines. */
  search: () => Promise<void>;
  guard: Guard | undefined;
  /** What managers answer this guard; rejects as long as it is undefined. */
  managers: (() => Promise<Granted>) | undefined;
  /** Agents that were killed, by pid. */
  readonly agentsKilled: number[];
  start(): Promise<void>;
  /** SIGKILL. */
  kill(): void;
  /** SIGSTOP and SIGCONT: nothing is done, and what is said to it waits. */
  freeze(isFrozen: boolean): void;
  launch(name?: string): TestMachine;
  alive(): readonly TestMachine[];
  state(): GuardState;
  /** As its agent: a heartbeat that was sent so long ago has been answered. */
  renew(age?: number, about?: Partial<Renewed>): void;
  /** The next thing said comes from another agent. */
  reconnect(): void;
}

export const terms: Granted = { lease: 5_000, killBudget: 3_000, watchdog: 10_000 };

export function testGuard(
  world: World,
  host: string,
  shared: ReadonlyMap<string, TestPool> = new Map(),
): TestGuard {
  let shelf: string | undefined;
  let agent: { said(line: string): void; closed(): void } | undefined;
  let isFrozen = false;
  let late: (() => void)[] = [];
  const machines: TestMachine[] = [];
  const host_: TestGuard = {
    machines,
    pools: new Map(shared),
    watchdog: turnedWatchdog(world, () => {
      for (const machine of machines) machine.diedAt ??= world.now();
    }),
    killed: [],
    said: [],
    disk: async () => {},
    search: async () => {},
    guard: undefined,
    managers: undefined,
    agentsKilled: [],
    async start() {
      host_.guard = await startGuard({
        ticks: world.now,
        clockId: "boot",
        every: (interval, act) => world.every(interval, () => (isFrozen ? undefined : act())),
        watchdog: host_.watchdog,
        openPool: (directory) => host_.pools.get(directory) ?? memoryPool(),
        async findMachines() {
          const found = host_.alive();
          await host_.search();
          return found;
        },
        askManager: () => host_.managers?.() ?? Promise.reject(new Error("unreachable")),
        findAgent: (pid) => ({ kill: () => void host_.agentsKilled.push(pid) }),
        shelf: {
          read: async () => shelf,
          write: async (text) => {
            await host_.disk();
            shelf = text;
          },
        },
        onKilled: (killed) => host_.killed.push(killed),
        log: (message) => host_.said.push(message),
      });
      host_.reconnect();
    },
    kill() {
      host_.guard?.close();
      host_.guard = undefined;
      agent = undefined;
    },
    freeze(next) {
      isFrozen = next;
      if (isFrozen) return;
      for (const act of late) act();
      late = [];
    },
    launch(name = `m${machines.length + 1}`) {
      const machine: TestMachine = {
        key: `${name}.g1`,
        name,
        diedAt: undefined,
        notes: [],
        isStuck: false,
        note: async (why) => void machine.notes.push(why),
        kill() {
          if (!machine.isStuck) machine.diedAt ??= world.now();
          return true;
        },
      };
      machines.push(machine);
      return machine;
    },
    alive: () => machines.filter(({ diedAt }) => diedAt === undefined),
    state() {
      if (!host_.guard) throw new Error("no guard");
      return host_.guard.state();
    },
    renew(age = 0, about = {}) {
      const pools = Object.fromEntries([...host_.pools.keys()].map((name) => [name, name]));
      const renewed: Renewed = {
        ...{ say: "renewed", sentAt: world.now() - age, ...terms, host, epoch: 1, bootId: "b" },
        ...{ agentPid: 7, managers: ["m1:1"], pools, ...about },
      };
      const line = JSON.stringify(renewed);
      if (isFrozen) late.push(() => agent?.said(line));
      else agent?.said(line);
    },
    reconnect() {
      agent?.closed();
      agent = host_.guard?.agents.connected(() => {});
    },
  };
  return host_;
}
