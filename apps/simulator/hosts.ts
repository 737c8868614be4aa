/**
 * Simulated hosts, for tests and for the simulator: what stays when an agent goes (machines, disks, the shelf), and agents that
 * can be killed.
 *
 * A killed process does nothing more, not even what it had begun. In this process promises go on, so
 * everything that an agent touches is handed to it behind a glass that can be shut.
 */
import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import {
  type Dial,
  type Joined,
  type LoanBook,
  memoryLoans,
  memoryNotes,
  memoryPicture,
  memoryShelf,
  memoryTemplates,
  type NoteShelf,
  type PictureShelf,
  pushBlob,
  type Shelf,
  type Storage,
  type TemplateShelf,
  type Terms,
} from "@holdfast/cloud/agent/edge";
import type { GuardReport } from "@holdfast/cloud/hosts";
import {
  type SimulatedWorld,
  simulatedHypervisor,
  simulatedWorld,
} from "@holdfast/drivers/hypervisor/simulated";
import type { Digest } from "@holdfast/drivers/images";
import {
  type SimulatedKernel,
  simulatedKernel,
  simulatedNetworks,
} from "@holdfast/drivers/network/simulated";
import {
  type SimulatedHost,
  simulatedHost,
  simulatedVitals,
} from "@holdfast/drivers/vitals/simulated";
import type { VolumePool } from "@holdfast/drivers/volumes";
import {
  backing,
  type SimulatedBackups,
  type SimulatedPool,
  simulatedBackups,
  simulatedPool,
  simulatedStorage,
} from "@holdfast/drivers/volumes/simulated";
import { problem } from "@holdfast/kernel/problem";
import { milliseconds } from "@holdfast/kernel/time";
import type { Logger } from "pino";
import { type Agent, startAgent } from "../agent/agent.ts";
import { wallClock } from "./clock.ts";
import { simulatedPassage, simulatedWays, type Ways } from "./passages.ts";
import { endsAtHearing, type Passing, type Points, passingOf, sayingOf } from "./points.ts";

/** A host: what stays when its agent goes. */
export interface TestHost {
  readonly name: string;
  readonly world: SimulatedWorld;
  readonly shelf: Shelf;
  readonly templates: TemplateShelf;
  readonly pictures: PictureShelf;
  readonly notes: NoteShelf;
  readonly kernel: SimulatedKernel;
  /** By name: its own, `local`, and the shared ones that it reaches. */
  readonly pools: Map<string, SimulatedPool>;
  /** What it has open for whom. */
  readonly loans: LoanBook;
  /** Where backups go. */
  backups: SimulatedBackups;
  bootId: string;
  epoch: number | null;
  /** How long its storage takes for a small write; milliseconds. */
  storageLatency: number;
  /** How its hardware is. */
  readonly vitals: SimulatedHost;
  joined: Joined | undefined;
  agent: MortalAgent | undefined;
  /** Between all hosts of this process: what leads from one to another, and its own end of it. */
  readonly ways: Ways;
  readonly wayAddress: string;
}

const ways = simulatedWays();
let hosts = 0;

export interface MortalAgent extends Agent {
  /** What SIGKILL and a closed socket do: no goodbye, and nothing that was begun goes on. */
  kill(): void;
  /** SIGSTOP and SIGCONT: nothing is done, and whatever comes waits. */
  freeze(): void;
  thaw(): void;
}

/** `own`: the ways between the hosts of one world, if there may be others in this process. */
export function newHost(
  name: string,
  world: SimulatedWorld = simulatedWorld(),
  own?: Ways,
): TestHost {
  const pools = new Map([["local", simulatedStorage(2 ** 40)]]);
  world.backing = backing(() => pools.values());
  const way = own
    ? { ways: own, wayAddress: `${name}:1` }
    : { ways, wayAddress: `${name}.${++hosts}:1` };
  return { ...emptyHost(), ...way, name, world, pools };
}

const emptyHost = (): Omit<TestHost, "name" | "world" | "pools" | "ways" | "wayAddress"> => ({
  shelf: memoryShelf(),
  templates: memoryTemplates(),
  pictures: memoryPicture(),
  notes: memoryNotes(),
  kernel: simulatedKernel(),
  loans: memoryLoans(),
  backups: simulatedBackups(wallClock),
  bootId: randomBytes(8).toString("hex"),
  epoch: null,
  storageLatency: 1,
  vitals: simulatedHost(),
  joined: undefined,
  agent: undefined,
});

export interface AgentSetting {
  readonly managers: readonly string[];
  readonly cpus: number;
  readonly memoryMiB: number;
  /** The file of a blob on the host. */
  readonly ensureBlob: (digest: Digest, pool: string) => Promise<string>;
  readonly log: Logger;
  /** A host that is more than an agent; see station.ts. */
  readonly station?: Around;
}

/** What is around an agent, in place of nothing. */
export interface Around {
  readonly dial: Dial;
  /** The steady clock of the host. That of this process, if absent. */
  readonly ticks?: () => number;
  /** Hangs where the storage of that pool does, if it can. */
  readonly answered?: (pool: string) => Promise<void>;
  readonly pools: readonly string[];
  readonly onRenewed: (sentAt: number, terms: Terms) => void;
  readonly guard: () => GuardReport | null;
  readonly mayLaunchFenceable: () => boolean;
  /** How often the hardware is looked at; milliseconds. Often, if absent. */
  readonly vitalsEvery?: number;
  /** Where it may end; see points.ts. */
  readonly points?: Points;
  /** Where what is made of a volume goes. Over the network to a manager, if absent. */
  readonly publish?: Storage["publish"];
}

export async function openAgent(host: TestHost, setting: AgentSetting): Promise<MortalAgent> {
  const { managers, cpus, memoryMiB, log, station } = setting;
  if (!host.joined) throw new Error(`${host.name} has not joined`);
  const process = agentOf(host.name);
  const life: Life = {
    ...{ isOver: false, waiting: undefined },
    passing: passingOf(station?.points, process),
    endsAtHearing: (say) => endsAtHearing(station?.points, process, `hears ${say}`),
  };
  const clock = behindGlass(wallClock, life);
  const hypervisor = simulatedHypervisor(host.world, clock);
  const passage = simulatedPassage(host.ways, host.wayAddress, () => host.joined?.host);
  const agent = await startAgent({
    membership: host.joined,
    managers,
    ...(station ? { dial: frozenWith(station.dial, life) } : {}),
    hypervisor: behindGlass(hypervisor, life, "machines"),
    storage: behindGlass(storageOf(host, setting, life), life, "storage"),
    loans: behindGlass(host.loans, life, "loans"),
    shelf: behindGlass(host.shelf, life, "shelf"),
    networks: behindGlass(simulatedNetworks(host.kernel), life, "networks"),
    metadataKey: randomBytes(32),
    templates: {
      shelf: behindGlass(host.templates, life, "templates"),
      limit: 2 ** 40,
      standbyMiB: 0,
    },
    pictureShelf: behindGlass(host.pictures, life, "pictures"),
    noteShelf: behindGlass(host.notes, life, "notes"),
    forwarders: [],
    probeStorage: async () => [{ pool: "local", took: host.storageLatency }],
    vitals: {
      signs: behindGlass(simulatedVitals(host.vitals, wallClock), life),
      every: milliseconds(station?.vitalsEvery ?? 50), // Where a real agent waits a minute.
    },
    machine: {
      bootId: host.bootId,
      cpus,
      memoryMiB,
      facts: {
        acceleration: hypervisor.acceleration,
        kernel: "simulated",
        hypervisor: "simulated",
      },
      pools: [...(station?.pools ?? [])],
      underlay: `192.0.2.${Number(host.name.replace(/\D+/g, "") || 1) % 255}`, // Nothing is sent there.
    },
    passage: behindGlass(passage, life, "passage"),
    epoch: {
      known: () => host.epoch,
      remember(epoch) {
        host.epoch = epoch;
      },
    },
    onRenewed: station?.onRenewed ?? (() => {}),
    guard: station?.guard ?? (() => null),
    mayLaunchFenceable: station?.mayLaunchFenceable ?? (() => true),
    traceLines: async () => [],
    clock,
    ticks: station?.ticks ?? (() => performance.now()),
    log,
  });
  return {
    ...agent,
    kill() {
      life.isOver = true;
      void agent.close();
      void hypervisor.close();
      void passage.close();
    },
    freeze() {
      life.waiting ??= [];
    },
    thaw() {
      const late = life.waiting ?? [];
      life.waiting = undefined;
      for (const act of late) act();
    },
  };
}

const local = { isShared: false, canRevoke: false, isLive: false };
/** A directory on a file server. */
const directory = { isShared: true, canRevoke: false, isLive: false };

function storageOf(host: TestHost, setting: AgentSetting, life: Life): Storage {
  const answered = setting.station?.answered ?? (async () => {});
  const facts = [...host.pools].map(([pool, { abilities }]) => ({
    ...{ pool, kind: "simulated" as const },
    isShared: pool !== "local",
    canRevoke: abilities?.canRevoke ?? false,
  }));
  const opened = new Map<SimulatedPool, VolumePool>();
  return {
    pools: facts,
    async pool(name) {
      const world = host.pools.get(name);
      if (!world) throw problem("unavailable", "pool_unreachable", `There is no pool ${name}.`);
      const how = world.abilities ?? (name === "local" ? local : directory);
      // The same as long as its agent lives: it remembers what keys it was told.
      const pool = opened.get(world) ?? simulatedPool(world, wallClock, how);
      opened.set(world, pool);
      return behindGlass(
        afterAll(pool, () => answered(name)),
        life,
        "volumes",
      );
    },
    async ensureBlob(digest, pool) {
      await answered(pool);
      return setting.ensureBlob(digest, pool);
    },
    backups: () => behindGlass(host.backups.open(), life, "backups"),
    publish: setting.station?.publish ?? publish,
  };

  async function publish(write: (path: string) => Promise<void>) {
    const name = randomBytes(8).toString("hex");
    const path = join(tmpdir(), `hf-extract-${name}`);
    await write(path);
    const images = [...host.pools.values()].map(({ images }) => images);
    const virtualBytes = images.map((each) => each.get(path)).find((bytes) => bytes) ?? 0;
    for (const each of images) each.delete(path);
    try {
      await writeFile(path, Buffer.alloc(4_096, name)); // No two of them are the same.
      const digest = await pushBlob(setting.managers, host.joined ?? nobody, path);
      return { digest, bytes: 4_096, virtualBytes };
    } finally {
      await rm(path, { force: true });
    }
  }
}

const nobody = { certificate: "", key: "", authority: "" };

/** The same, whose answers come when `first` has let them. */
function afterAll<T extends object>(target: T, first: () => Promise<void>): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== "function" || name === "close" || name === "know") return value;
      return async (...args: unknown[]) => {
        await first();
        return Reflect.apply(value, object, args) as unknown;
      };
    },
  });
}

/** Reads a blob into the host's own store, as a real agent would. */
export async function keepBlob(host: TestHost, digest: Digest, content: Readable): Promise<string> {
  let bytes = 0;
  for await (const piece of content) bytes += Buffer.from(piece).length;
  host.pools.get("local")?.images.set(`/blobs/${digest}`, bytes);
  return `/blobs/${digest}`;
}

/** By the name of its host. */
export const agentOf = (host: string) => `agent of ${host}`;

interface Life {
  readonly passing: Passing;
  readonly endsAtHearing: (say: string) => boolean;
  isOver: boolean;
  /** What comes to an agent that is frozen; undefined while it is not. */
  waiting: (() => void)[] | undefined;
}

/** These answer at once, and an agent that is frozen does not call them. */
const immediate = new Set(["list", "now", "isOpen", "dismiss", "admit", "know"]);

/** What these do to the host; the others look. Where an agent may be made to end. */
const changing = new Set(
  [
    "start makeTemplate stop reset pause resume freeze thaw attachDisk detachDisk resizeDisk setDiskLimits",
    "snapshotDisks removeDiskSnapshot backupDisk receive migrate steer land forget",
    "make open release revoke resize snapshot removeSnapshot restore copy extract remove backUp restoreBackup",
    "ensureBlob publish save seal apply removeAll reach go",
  ].flatMap((names) => names.split(" ")),
);

/** The same object for as long as its user lives; afterwards no call does anything, or ever comes back. */
function behindGlass<T extends object>(target: T, life: Life, called = ""): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== "function") return value;
      if (name === "onEvent")
        return (listener: (event: unknown) => void) =>
          Reflect.apply(value, object, [(event: unknown) => sooner(life, () => listener(event))]);
      return (...args: unknown[]) => {
        // What only looks may be asked by what outlives its agent: a moment must be one, and not a promise.
        if (life.isOver && !immediate.has(String(name))) return never;
        if (life.waiting && !immediate.has(String(name)))
          return thawed(life).then(() => Reflect.apply(value, object, args));
        const act = (): unknown => Reflect.apply(value, object, args);
        const result = changing.has(String(name))
          ? life.passing(`${called}.${String(name)}`, act)
          : act();
        if (!(result instanceof Promise)) return result;
        return result.then(
          (answer) => (life.isOver ? never : thawed(life).then(() => answer)),
          (error) => (life.isOver ? never : thawed(life).then(() => Promise.reject(error))),
        );
      };
    },
  });
}

/** A process that is stopped hears nothing, and the heartbeats of that time are never sent. */
function frozenWith(dial: Dial, life: Life): Dial {
  return async (onText, onClose) => {
    await thawed(life);
    const wire = await dial(
      (text) =>
        sooner(life, () => {
          const say = sayingOf(text);
          if (say === undefined || !life.endsAtHearing(say)) onText(text);
        }),
      (reason) => sooner(life, () => onClose(reason)),
    );
    await thawed(life);
    return {
      send(text) {
        const say = sayingOf(text);
        if (!life.waiting && say === undefined) wire.send(text);
        else if (!life.waiting) life.passing(`says ${say}`, () => wire.send(text));
        else if (!text.includes('"say":"heartbeat"')) life.waiting.push(() => wire.send(text));
      },
      close() {
        if (life.isOver)
          wire.close(); // As the kernel does for it.
        else sooner(life, () => wire.close());
      },
    };
  };
}

function sooner(life: Life, act: () => void): void {
  if (life.isOver) return;
  if (life.waiting) life.waiting.push(act);
  else act();
}

async function thawed(life: Life): Promise<void> {
  while (life.waiting && !life.isOver)
    await new Promise<void>((resolve) => life.waiting?.push(resolve));
}

const never = new Promise<never>(() => {});
