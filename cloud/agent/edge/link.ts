/**
 * The agent's end of the link: one connection to any manager, held for as long as the agent lives.
 *
 * When it breaks, the next manager is tried, and the hello says all that this host holds and has; nothing
 * that was under way on the old connection matters. Guests do not notice any of it.
 */
import {
  type Checkup,
  type FromAgent,
  type FromManager,
  fromManager,
  type GuardReport,
  type HostFacts,
  type MigrationReport,
  type NetworksLook,
  type PoolFacts,
  protocolVersion,
  type StorageResult,
} from "@holdfast/cloud/hosts";
import type { Console, Hypervisor, MachineRef } from "@holdfast/drivers/hypervisor";
import { type Duration, milliseconds, seconds, type Ticks } from "@holdfast/kernel/time";
import { unreachable } from "@holdfast/kernel/unreachable";
import type { Keeper } from "./keeper.ts";
import type { Networker } from "./networker.ts";
import type { Notebook } from "./notebook.ts";
import type { Storekeeper } from "./storekeeper.ts";

/** A connection that is open. */
export interface Wire {
  send(text: string): void;
  close(): void;
}

/** Connects to a manager; resolves when the connection is open, rejects when it cannot be. */
export type Dial = (
  onText: (text: string) => void,
  onClose: (reason: string) => void,
) => Promise<Wire>;

export interface LinkDeps {
  /** Tries one manager; which one is the dialler's choice, a different one each time if there are several. */
  readonly dial: Dial;
  readonly keeper: Keeper;
  readonly networks: Pick<Networker, "hear" | "hearChanges">;
  readonly storekeeper: Pick<Storekeeper, "hear" | "recorded" | "unrecorded" | "cutOff">;
  readonly notes: Pick<Notebook, "hear" | "hearChanges">;
  readonly hypervisor: Hypervisor;
  readonly machine: {
    readonly bootId: string;
    readonly cpus: number;
    readonly memoryMiB: number;
    readonly facts: HostFacts;
    /** Shared pools that it can reach, by name. */
    readonly pools: readonly string[];
    /** The same and its own, in detail. */
    readonly storage: readonly PoolFacts[];
    /** The address that other hosts reach its guests through, if they do. */
    readonly underlay: string | null;
  };
  /** The epoch that this host was last welcomed under, kept where a restart finds it. */
  readonly epoch: Epoch;
  readonly ticks: Ticks;
  /** The lease was renewed by something sent at this tick; the guard's clock runs from there. */
  readonly onRenewed: (sentAt: number, terms: Terms) => void;
  /** How often a manager wants a checkup. */
  readonly onPace?: (checkupEvery: Duration) => void;
  /** What the guard last said of itself; null if it does not answer. */
  readonly guard: () => GuardReport | null;
  /** Lines of the agent's and the hypervisor's own logs about an instance. */
  readonly traceLines: (
    instance: string,
    generation: number,
    lines: number,
  ) => Promise<readonly { at: number; source: string; text: string }[]>;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export interface Epoch {
  known(): number | null;
  remember(epoch: number): void;
}

/** What a host was welcomed to; durations in milliseconds. */
export type Terms = Pick<Welcome, "host" | "epoch" | "lease" | "killBudget" | "watchdog">;

export interface Link {
  report(machines: Reported["machines"], volumes: Reported["volumes"]): void;
  /** Said if a manager is there to hear it; another one follows. */
  checkup(checkup: Checkup): void;
  /** The same of its networks. */
  networks(look: NetworksLook): void;
  /** The same of what came of storage tasks; they are said until they are recorded. */
  storage(results: readonly StorageResult[]): void;
  /** The same of a machine that moves. */
  migration(report: MigrationReport): void;
  /** The host's name and id, once a manager has said them. */
  identity(): Pick<Welcome, "host" | "name" | "zone" | "epoch"> | undefined;
  /** Whether this host holds its lease of this epoch, by its own reckoning: from when it sent what was answered. */
  hasLease(epoch: number): boolean;
  close(): void;
}

type Reported = Extract<FromAgent, { say: "report" }>;
type Welcome = Extract<FromManager, { say: "welcome" }>;
type CutOff = Extract<FromManager, { say: "cut-off" }>;
type Purge = Extract<FromManager, { say: "purge" }>;

const nothingToSay = (): Reported => ({ say: "report", machines: [], volumes: [] });

/** Between attempts to connect: short at first, because a restarting manager is back in a second. */
const pauses = [50, 100, 200, 400, 800].map(milliseconds);
/**
 * A manager that has not answered for this share of the lease is as good as gone: what is left of it is for
 * another. Three of five seconds; our guard asks around by itself by then.
 */
const silence = 0.6;
/**
 * One that has taken our connection and does not say a word about our hello may be frozen, or gone with its machine,
 * and then nobody ever tells us. To take a hello in may wait for the database, which is given up after five seconds.
 */
const welcomePatience = seconds(10);

export function openLink(deps: LinkDeps): Link {
  const { keeper, hypervisor, machine, ticks, log } = deps;
  let wire: Wire | undefined;
  let welcome: Welcome | undefined;
  let known: Welcome | undefined;
  let isOpen = true;
  let failures = 0;
  let beats: NodeJS.Timeout | undefined;
  let retry: NodeJS.Timeout | undefined;
  let unwelcome: NodeJS.Timeout | undefined;
  let heardAt = 0;
  let leaseUntil = Number.NEGATIVE_INFINITY;
  let pending = nothingToSay();
  /** Where in it the last word on each incarnation that is not over stands. */
  const latest = new Map<string, number>();
  let isFlushing = false;
  /** Promises, because what is typed may arrive before the console is open, and must not be lost. */
  const consoles = new Map<number, Promise<Console>>();
  void connect();

  return {
    report(machines, volumes) {
      if (!wire) return; // The next hello says it.
      for (const report of machines) pend(report);
      pending.volumes.push(...volumes);
      if (welcome) flushSoon(); // What happens between hello and welcome follows right after that.
    },
    checkup(checkup) {
      if (welcome) say({ say: "checkup", ...checkup });
    },
    networks(look) {
      if (welcome) say({ say: "networks", ...look });
    },
    storage(results) {
      if (welcome) say({ say: "storage-report", results: [...results] });
    },
    migration(report) {
      if (welcome) say({ say: "migration", ...report });
    },
    hasLease: (epoch) => epoch === known?.epoch && ticks() < leaseUntil,
    identity: () => known,
    close() {
      isOpen = false;
      clearTimeout(retry);
      disconnect();
    },
  };

  async function connect(): Promise<void> {
    if (!isOpen) return;
    let mine: Wire | undefined;
    try {
      // What a previous connection still delivers is not for this one.
      mine = await deps.dial(
        (text) => mine && mine === wire && hear(text),
        (reason) => mine && mine === wire && lost(reason),
      );
      if (!isOpen) return mine.close();
      wire = mine;
      heardAt = ticks();
      greet();
    } catch (error) {
      if (failures === 0) log("no manager answers", { error });
      again();
    }
  }

  function greet(): void {
    say({
      say: "hello",
      protocol: protocolVersion,
      ...machine,
      pools: [...machine.pools],
      storage: [...machine.storage],
      epoch: deps.epoch.known(),
      held: [...keeper.held()],
      machines: [...keeper.reports()],
    });
    awaitWelcome();
  }

  function awaitWelcome(): void {
    clearTimeout(unwelcome);
    unwelcome = setTimeout(() => {
      if (!wire || welcome) return;
      if (ticks() - heardAt >= welcomePatience) lost("it does not answer our hello");
      else awaitWelcome();
    }, welcomePatience);
  }

  function lost(reason: string): void {
    log("the connection to the manager is gone", { reason });
    disconnect();
    again();
  }

  function disconnect(): void {
    clearInterval(beats);
    clearTimeout(unwelcome);
    for (const ask of [...consoles.keys()]) closeConsole(ask);
    const old = wire;
    wire = undefined;
    welcome = undefined;
    takePending();
    old?.close();
  }

  function again(): void {
    if (!isOpen) return;
    const pause = pauses[Math.min(failures++, pauses.length - 1)] ?? seconds(1);
    clearTimeout(retry);
    retry = setTimeout(() => void connect(), pause);
  }

  function hear(text: string): void {
    const message = fromManager.parse(JSON.parse(text));
    heardAt = ticks();
    switch (message.say) {
      case "welcome":
        void enter(message);
        break;
      case "beat":
        if (message.checkupEvery) deps.onPace?.(milliseconds(message.checkupEvery));
        if (!welcome) break;
        leaseUntil = Math.max(leaseUntil, message.sentAt + welcome.lease);
        deps.onRenewed(message.sentAt, welcome);
        break;
      case "purge":
        void purge(message.machines);
        break;
      case "again":
        greet();
        break;
      case "wishes":
        keeper
          .hear(message.wishes, message.deleteVolumes)
          .catch((error) => log("could not take wishes", { error }));
        break;
      case "seen":
        keeper
          .seen(message.machines)
          .catch((error) => log("could not keep what was seen", { error }));
        break;
      case "networks":
        deps.networks.hear(message.networks);
        break;
      case "networks-changed":
        deps.networks.hearChanges(message);
        break;
      case "guests":
        deps.notes.hear(message.guests);
        break;
      case "guests-changed":
        deps.notes.hearChanges(message.guests, message.gone);
        break;
      case "recorded":
        keeper.recorded(message.machines).catch((error) => log("could not forget", { error }));
        break;
      case "storage":
        deps.storekeeper.hear(message.tasks, message.place);
        break;
      case "storage-recorded":
        deps.storekeeper.recorded(message.ids);
        break;
      case "ask":
        void answer(message);
        break;
      case "input":
        consoles
          .get(message.ask)
          ?.then((open) => open.write(Buffer.from(message.data, "base64")))
          .catch(() => {}); // Its end has been said already.
        break;
      case "close":
        closeConsole(message.ask);
        break;
      case "cut-off":
        void cutOff(message);
        break;
      case "goodbye":
        lost(message.reason);
        break;
      default:
        unreachable(message);
    }
  }

  /** They may be running elsewhere by now. This host is not welcome before they are gone from here. */
  async function purge(machines: Purge["machines"]): Promise<void> {
    const mine = wire;
    log("must end what may be running elsewhere", { machines });
    try {
      await keeper.purge(machines);
      if (wire === mine) greet();
    } catch (error) {
      log("could not end what may be running elsewhere", { error });
      if (wire === mine) lost("it has machines that it may not have");
    }
  }

  /** The guard ends whatever appears until the lease is renewed, so the first heartbeat waits for this. */
  async function enter(message: Welcome): Promise<void> {
    const mine = wire;
    try {
      await keeper.enter(message.epoch);
      if (wire === mine) begin(message);
    } catch (error) {
      log("could not end what was being launched in another epoch", { error });
      if (wire === mine) lost("it may have machines that it may not have");
    }
  }

  function begin(message: Welcome): void {
    failures = 0;
    deps.epoch.remember(message.epoch);
    welcome = message;
    known = message;
    keeper.limitStarts(message.concurrentStarts);
    log("connected", { host: message.host, name: message.name, epoch: message.epoch });
    clearInterval(beats);
    beat();
    beats = setInterval(beat, message.heartbeat);
    const results = deps.storekeeper.unrecorded();
    if (results.length > 0) say({ say: "storage-report", results: [...results] });
    for (const report of keeper.migrations()) say({ say: "migration", ...report });
    flushSoon();
  }

  function beat(): void {
    if (welcome && ticks() - heardAt > silence * welcome.lease) lost("it has stopped answering");
    else say({ say: "heartbeat", sentAt: ticks(), guard: deps.guard() });
  }

  /** A start is told when it runs and again when its disks have been looked at: said in one breath it is one word. */
  function pend(report: Reported["machines"][number]): void {
    const key = `${report.instance}/${report.generation}/${report.phase}`;
    const known = latest.get(key);
    if (known === undefined || report.phase === "exited") {
      latest.set(key, pending.machines.length);
      pending.machines.push(report);
    } else pending.machines[known] = report;
  }

  function takePending(): Reported {
    const taken = pending;
    pending = nothingToSay();
    latest.clear();
    return taken;
  }

  function flushSoon(): void {
    if (isFlushing) return;
    isFlushing = true;
    setImmediate(flush);
  }

  function flush(): void {
    isFlushing = false;
    const report = takePending();
    if (report.machines.length + report.volumes.length > 0) say(report);
  }

  async function answer(question: Extract<FromManager, { say: "ask" }>): Promise<void> {
    const { ask, what, instance, generation, lines } = question;
    const ref = { id: instance, generation };
    try {
      if (what === "console") return await openConsole(ask, ref);
      const value =
        what === "console-log"
          ? await hypervisor.consoleLog(ref, lines)
          : await deps.traceLines(instance, generation, lines);
      say({ say: "answer", ask, value });
    } catch (error) {
      say({
        say: "answer",
        ask,
        value: null,
        problem: error instanceof Error ? error.message : "unknown",
      });
    }
  }

  async function cutOff({ ask, volumes }: CutOff): Promise<void> {
    try {
      log("cut off guests of a silent host", { volumes });
      await deps.storekeeper.cutOff(volumes);
      say({ say: "answer", ask, value: volumes.length });
    } catch (error) {
      log("could not cut off guests of a silent host", { volumes, error });
      const problem = error instanceof Error ? error.message : "unknown";
      say({ say: "answer", ask, value: null, problem });
    }
  }

  async function openConsole(ask: number, ref: MachineRef): Promise<void> {
    const opening = hypervisor.console(ref);
    consoles.set(ask, opening);
    const output = (data: Uint8Array, isEnd: boolean) =>
      say({ say: "output", ask, data: Buffer.from(data).toString("base64"), isEnd });
    try {
      const open = await opening;
      open.onData((data) => output(data, false));
      open.onClose(() => {
        if (consoles.delete(ask)) output(new Uint8Array(), true);
      });
    } catch (error) {
      consoles.delete(ask);
      throw error;
    }
  }

  function closeConsole(ask: number): void {
    consoles
      .get(ask)
      ?.then((open) => open.close())
      .catch(() => {}); // It never opened.
    consoles.delete(ask);
  }

  function say(message: FromAgent): void {
    wire?.send(JSON.stringify(message));
  }
}
