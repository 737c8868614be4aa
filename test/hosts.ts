/**
 * Simulated hosts for tests: what stays when an agent goes (machines, disks, the shelf), and agents that
 * can be killed.
 *
 * A killed process does nothing more, not even what it had begun. In this process promises go on, so
 * everything that an agent touches is handed to it behind a glass that can be shut.
 */
import { randomBytes } from "node:crypto";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Dial,
  type Joined,
  memoryPicture,
  memoryShelf,
  type PictureShelf,
  type Shelf,
  type Storage,
  type Terms,
} from "@holdfast/cloud/agent/edge";
import type { GuardReport } from "@holdfast/cloud/hosts";
import {
  type SimulatedWorld,
  simulatedHypervisor,
  simulatedWorld,
} from "@holdfast/drivers/hypervisor/simulated";
import type { Digest } from "@holdfast/drivers/images";
import { type SimulatedStore, simulatedDisks } from "@holdfast/drivers/images/simulated";
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
import { type Clock, type Instant, milliseconds } from "@holdfast/kernel/time";
import type { Logger } from "pino";
import { type Agent, startAgent } from "../apps/agent/agent.ts";

export const wallClock: Clock = { now: () => Date.now() as Instant, sleep: (d) => sleep(d) };

/** A host: what stays when its agent goes. */
export interface TestHost {
  readonly name: string;
  readonly world: SimulatedWorld;
  readonly shelf: Shelf;
  readonly pictures: PictureShelf;
  readonly kernel: SimulatedKernel;
  readonly disks: SimulatedStore;
  bootId: string;
  epoch: number | null;
  /** How long its storage takes for a small write; milliseconds. */
  storageLatency: number;
  /** How its hardware is. */
  readonly vitals: SimulatedHost;
  joined: Joined | undefined;
  agent: MortalAgent | undefined;
}

export interface MortalAgent extends Agent {
  /** What SIGKILL and a closed socket do: no goodbye, and nothing that was begun goes on. */
  kill(): void;
  /** SIGSTOP and SIGCONT: nothing is done, and whatever comes waits. */
  freeze(): void;
  thaw(): void;
}

export const newHost = (name: string, world: SimulatedWorld = simulatedWorld()): TestHost => ({
  name,
  world,
  shelf: memoryShelf(),
  pictures: memoryPicture(),
  kernel: simulatedKernel(),
  disks: { files: new Map(), capacity: 2 ** 40 },
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
  readonly ensureBlob: (digest: Digest) => Promise<string>;
  readonly log: Logger;
  /** A host that is more than an agent; see scenarios/stage/station.ts. */
  readonly station?: Around;
}

/** What is around an agent, in place of nothing. */
export interface Around {
  readonly dial: Dial;
  readonly storage: Storage;
  readonly pools: readonly string[];
  readonly onRenewed: (sentAt: number, terms: Terms) => void;
  readonly guard: () => GuardReport | null;
  readonly mayLaunchFenceable: () => boolean;
  /** How often the hardware is looked at; milliseconds. Often, if absent. */
  readonly vitalsEvery?: number;
}

export async function openAgent(host: TestHost, setting: AgentSetting): Promise<MortalAgent> {
  const { managers, cpus, memoryMiB, ensureBlob, log, station } = setting;
  if (!host.joined) throw new Error(`${host.name} has not joined`);
  const life: Life = { isOver: false, waiting: undefined };
  const clock = behindGlass(wallClock, life);
  const hypervisor = simulatedHypervisor(host.world, clock);
  const agent = await startAgent({
    membership: host.joined,
    managers,
    ...(station ? { dial: frozenWith(station.dial, life) } : {}),
    hypervisor: behindGlass(hypervisor, life),
    disks: behindGlass(simulatedDisks(host.disks), life),
    storage: behindGlass(
      station?.storage ?? {
        ensureBlob,
        volumeFile: (volume) => `/volumes/${volume}.qcow2`,
        claim: async () => {},
      },
      life,
    ),
    shelf: behindGlass(host.shelf, life),
    networks: behindGlass(simulatedNetworks(host.kernel), life),
    metadataKey: randomBytes(32),
    pictureShelf: behindGlass(host.pictures, life),
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
    ticks: () => performance.now(),
    log,
  });
  return {
    ...agent,
    kill() {
      life.isOver = true;
      void agent.close();
      void hypervisor.close();
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

/** Reads a blob into the host's own store, as a real agent would. */
export async function keepBlob(host: TestHost, digest: Digest, content: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(Buffer.from(piece));
  host.disks.files.set(`/blobs/${digest}`, Buffer.concat(pieces));
  return `/blobs/${digest}`;
}

interface Life {
  isOver: boolean;
  /** What comes to an agent that is frozen; undefined while it is not. */
  waiting: (() => void)[] | undefined;
}

/** These answer at once, and an agent that is frozen does not call them. */
const immediate = new Set(["list", "now", "volumeFile"]);

/** The same object for as long as its user lives; afterwards no call does anything, or ever comes back. */
function behindGlass<T extends object>(target: T, life: Life): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== "function") return value;
      if (name === "onEvent")
        return (listener: (event: unknown) => void) =>
          Reflect.apply(value, object, [(event: unknown) => sooner(life, () => listener(event))]);
      return (...args: unknown[]) => {
        if (life.isOver) return never;
        if (life.waiting && !immediate.has(String(name)))
          return thawed(life).then(() => Reflect.apply(value, object, args));
        const result: unknown = Reflect.apply(value, object, args);
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
      (text) => sooner(life, () => onText(text)),
      (reason) => sooner(life, () => onClose(reason)),
    );
    await thawed(life);
    return {
      send(text) {
        if (!life.waiting) wire.send(text);
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
