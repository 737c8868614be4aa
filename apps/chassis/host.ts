/**
 * One simulated host: a power supply, a cable, and whoever starts its supervisor when it has booted.
 *
 * An order changes what is wished, in a file, and then makes it so; the room's rounds make it so again, and
 * go on where a room that was killed has stopped. The power reads off only when the last process is gone,
 * because somebody will start its guests elsewhere on the strength of that.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { removeRemains } from "@holdfast/drivers/network/linux";
import { type Problem, problem } from "@holdfast/kernel/problem";
import { unreachable } from "@holdfast/kernel/unreachable";
import type { Logger } from "pino";
import type { Order } from "./client.ts";
import { ensureCable, isCableThere, removeCable } from "./network.ts";
import type { HostPlan, RoomPlan } from "./plan.ts";
import * as processes from "./processes.ts";
import { type HostState, writeState } from "./state.ts";

/** What a machine's firmware takes, short enough to wait for in a test. */
const post = 3_000;
/** A process in an uninterruptible wait ends when its disk answers. */
export const killPatience = 15_000;
const stopPatience = 15_000;
/** Between two looks at all processes of a host that is off, or stands still. */
const thoroughly = 5_000;

export interface HostDeps {
  readonly room: RoomPlan;
  readonly plan: HostPlan;
  readonly state: HostState;
  /** Script of the supervisor. */
  readonly supervisor: string;
  readonly isAtRest: () => boolean;
  /** The filters must be set again. */
  readonly onNetwork: () => Promise<void>;
  /** Milliseconds on the steady clock. */
  readonly now: () => number;
  readonly log: Logger;
}

export interface Host {
  readonly plan: HostPlan;
  readonly state: () => HostState;
  /** Whether nothing of it can run: it was switched off and the last process is gone. */
  readonly isDead: () => boolean;
  readonly processes: () => readonly number[];
  /** Resolves when it is done. Rejects with `host_is_off`, `host_does_not_end`. */
  perform(order: Order): Promise<void>;
  /** Makes it so, as it is wished now. */
  settle(): Promise<void>;
  /** Its supervisor, guard and agent end; guests run on. */
  endPrograms(): Promise<void>;
  /** What is remembered besides: the watchdog, the port of the BMC. */
  change(patch: Partial<HostState>): void;
  /** The watchdog has fired. */
  bite(): Promise<void>;
}

export function simulatedHost({
  room,
  plan,
  supervisor,
  isAtRest,
  onNetwork,
  now,
  log,
  ...deps
}: HostDeps): Host {
  let state = deps.state;
  let isDead = false;
  let supervisorPid: number | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let last: Promise<unknown> = Promise.resolve();
  const whose = () => ({ namespaceInode: state.namespaceInode, state: plan.state });

  return {
    plan,
    state: () => state,
    isDead: () => isDead && state.power !== "on",
    processes: () => processes.processesOf(whose()).map(({ pid }) => pid),
    change,
    perform: (order) =>
      inTurn(async () => {
        log.info({ host: plan.name, order }, "ordered");
        await perform(order);
      }),
    settle: () => inTurn(settle),
    endPrograms: () => inTurn(endPrograms),
    bite() {
      log.warn({ host: plan.name }, "the watchdog resets this host");
      reset(post); // At once, so that it fires once.
      change({ watchdogFired: state.watchdogFired + 1 });
      return inTurn(settle);
    },
  };

  /** Orders, rounds and the watchdog, one after the other. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work, work);
    last = mine.catch(() => {});
    return mine;
  }

  function change(patch: Partial<HostState>): void {
    state = { ...state, ...patch };
    writeState(plan.file, state);
  }

  function reset(firmware: number): void {
    isDead = false;
    lookedAt = Number.NEGATIVE_INFINITY;
    change({ power: "starting", readyAt: now() + firmware, isFrozen: false, watchdog: null });
  }

  async function perform(order: Order): Promise<void> {
    switch (order.do) {
      case "power-on":
        if (state.power === "off") reset(order.post ?? post);
        return settle();
      case "power-off":
        lookedAt = Number.NEGATIVE_INFINITY;
        change({ power: "off", isFrozen: false, watchdog: null });
        return settle();
      case "reset":
        if (state.power === "off") throw isOff(plan.name);
        reset(post);
        return settle();
      case "cut": {
        const { direction } = order;
        change({ cut: { in: direction !== "out", out: direction !== "in" } });
        return onNetwork();
      }
      case "lossy":
        change({ lossPercent: order.percent });
        return onNetwork();
      case "heal":
        change({ cut: { in: false, out: false }, lossPercent: 0 });
        return onNetwork();
      case "freeze":
        mustBeOn();
        change({ isFrozen: true });
        return freeze();
      case "thaw":
        change({ isFrozen: false });
        return processes.continueAll(whose());
      case "bmc":
        return change({ bmcMood: order.is });
      case "pause-agent":
        return signal("agent", "SIGSTOP");
      case "resume-agent":
        return signal("agent", "SIGCONT");
      case "kill-agent":
        return signal("agent", "SIGKILL");
      case "kill-guard":
        return signal("guard", "SIGKILL");
      default:
        return unreachable(order);
    }
  }

  function mustBeOn(): void {
    if (state.power !== "on") throw isOff(plan.name);
  }

  function signal(program: "agent" | "guard", name: NodeJS.Signals): void {
    mustBeOn();
    const pid = processes.findProgram(whose(), program);
    if (pid === undefined) throw notThere(program, plan.name);
    processes.send([{ pid }], name);
  }

  async function settle(): Promise<void> {
    switch (state.power) {
      case "off":
        return cutPower();
      case "starting":
        await cutPower();
        if (now() < state.readyAt) return;
        await boot();
        return keepUp();
      case "on":
        return keepUp();
      default:
        return unreachable(state.power);
    }
  }

  /** Nothing of it is left: no process, no namespace, no cgroup. */
  async function cutPower(): Promise<void> {
    if (isDead && now() - lookedAt < thoroughly) return;
    if (!(await processes.killAll(whose(), killPatience))) throw doesNotEnd(plan.name);
    await removeCable(plan);
    await removeRemains(plan.networkTag);
    removeCgroups(plan.cgroup);
    supervisorPid = undefined;
    isDead = true;
    lookedAt = now();
  }

  async function boot(): Promise<void> {
    const bootId = randomUUID();
    writeFileSync(plan.bootIdFile, `${bootId}\n`);
    isDead = false;
    change({ power: "on", bootId, boots: state.boots + 1 });
    log.info({ host: plan.name, bootId }, "boots");
  }

  async function keepUp(): Promise<void> {
    isDead = false;
    if (!isCableThere(room, plan)) change({ namespaceInode: await ensureCable(room, plan) });
    if (state.isFrozen) {
      if (now() - lookedAt >= thoroughly) await freeze();
      return;
    }
    if (isAtRest()) return;
    if (supervisorPid !== undefined && existsSync(`/proc/${supervisorPid}`)) return;
    supervisorPid = processes.findProgram(whose(), "supervisor") ?? launch();
  }

  async function freeze(): Promise<void> {
    if (!(await processes.stopAll(whose(), stopPatience)))
      log.warn({ host: plan.name }, "something does not stand still");
    lookedAt = now();
  }

  /** `ip netns exec` would hide /sys/fs/cgroup from it; this enters the network and nothing else. */
  function launch(): number | undefined {
    const logs = join(plan.state, "logs");
    mkdirSync(logs, { recursive: true });
    const file = openSync(join(logs, "supervisor.log"), "a", 0o640);
    const child = spawn(
      "nsenter",
      [
        `--net=/run/netns/${plan.namespace}`,
        ...[process.execPath, "--enable-source-maps", supervisor],
      ],
      {
        env: { PATH: process.env.PATH, HOLDFAST_STATE: plan.state },
        stdio: ["ignore", file, file],
        detached: true,
      },
    );
    closeSync(file);
    child.on("error", (error) => log.error({ host: plan.name, error }, "no supervisor"));
    child.unref();
    log.info({ host: plan.name, pid: child.pid }, "its supervisor is started");
    return child.pid;
  }

  async function endPrograms(): Promise<void> {
    if (state.isFrozen) change({ isFrozen: false });
    processes.continueAll(whose());
    const until = now() + stopPatience;
    const asked = new Set<number>();
    for (;;) {
      const left = (["supervisor", "agent", "guard"] as const).flatMap((name) => {
        const pid = processes.findProgram(whose(), name);
        return pid === undefined ? [] : [{ pid }];
      });
      if (left.length === 0) break;
      // The supervisor ends the others in their order. A second SIGTERM would end it before it has.
      const [first] = left;
      if (first && now() > until) processes.send([first], "SIGKILL");
      else if (first && !asked.has(first.pid)) processes.send([first], "SIGTERM");
      if (first) asked.add(first.pid);
      await sleep(50);
    }
    supervisorPid = undefined;
    change({ watchdog: null });
  }
}

/** What the kernel forgets when a host loses its power. */
export function removeCgroups(parent: string): void {
  const root = "/sys/fs/cgroup";
  for (const tree of existsSync(join(root, "cgroup.controllers")) ? [""] : readdirSync(root)) {
    const ours = join(root, tree, parent);
    if (!existsSync(ours)) continue;
    for (const entry of readdirSync(ours, { withFileTypes: true }))
      if (entry.isDirectory()) removeEmpty(join(ours, entry.name));
    removeEmpty(ours);
  }
}

function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Somebody is still being reaped: the next look finds it empty.
  }
}

const isOff = (host: string): Problem =>
  problem("conflict", "host_is_off", `${host} is switched off.`, {
    fix: `Switch it on: holdfast room ${host} power-on`,
  });

const notThere = (program: string, host: string): Problem =>
  problem("conflict", "program_not_there", `There is no ${program} on ${host} now.`, {
    fix: "Its supervisor starts it again within seconds. Try again.",
  });

const doesNotEnd = (host: string): Problem =>
  problem("unavailable", "host_does_not_end", `Some process of ${host} survives kill -9.`, {
    fix: "It waits for a disk; it ends when that answers.",
  });
