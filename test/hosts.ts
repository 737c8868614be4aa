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
import { type Joined, memoryShelf, type Shelf } from "@holdfast/cloud/agent/edge";
import {
  type SimulatedWorld,
  simulatedHypervisor,
  simulatedWorld,
} from "@holdfast/drivers/hypervisor/simulated";
import type { Digest } from "@holdfast/drivers/images";
import { type SimulatedStore, simulatedDisks } from "@holdfast/drivers/images/simulated";
import type { Clock, Instant } from "@holdfast/kernel/time";
import type { Logger } from "pino";
import { type Agent, startAgent } from "../apps/agent/agent.ts";

export const wallClock: Clock = { now: () => Date.now() as Instant, sleep: (d) => sleep(d) };

/** A host: what stays when its agent goes. */
export interface TestHost {
  readonly name: string;
  readonly world: SimulatedWorld;
  readonly shelf: Shelf;
  readonly disks: SimulatedStore;
  bootId: string;
  joined: Joined | undefined;
  agent: MortalAgent | undefined;
}

export interface MortalAgent extends Agent {
  /** What SIGKILL and a closed socket do: no goodbye, and nothing that was begun goes on. */
  kill(): void;
}

export const newHost = (name: string, world: SimulatedWorld = simulatedWorld()): TestHost => ({
  name,
  world,
  shelf: memoryShelf(),
  disks: { files: new Map(), capacity: 2 ** 40 },
  bootId: randomBytes(8).toString("hex"),
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
}

export async function openAgent(host: TestHost, setting: AgentSetting): Promise<MortalAgent> {
  const { managers, cpus, memoryMiB, ensureBlob, log } = setting;
  if (!host.joined) throw new Error(`${host.name} has not joined`);
  const life: Life = { isOver: false };
  const clock = behindGlass(wallClock, life);
  const hypervisor = simulatedHypervisor(host.world, clock);
  const agent = await startAgent({
    membership: host.joined,
    managers,
    hypervisor: behindGlass(hypervisor, life),
    disks: behindGlass(simulatedDisks(host.disks), life),
    ensureBlob: behindGlass({ ensureBlob }, life).ensureBlob,
    volumeFile: (volume) => `/volumes/${volume}.qcow2`,
    shelf: behindGlass(host.shelf, life),
    machine: {
      bootId: host.bootId,
      cpus,
      memoryMiB,
      facts: {
        acceleration: hypervisor.acceleration,
        kernel: "simulated",
        hypervisor: "simulated",
      },
    },
    onRenewed: () => {},
    hasGuard: () => true,
    traceLines: async () => [],
    clock,
    ticks: () => performance.now(),
    log,
  });
  return {
    ...agent,
    kill() {
      life.isOver = true;
      agent.link.close();
      agent.keeper.close();
      void hypervisor.close();
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
}

/** The same object for as long as its user lives; afterwards no call does anything, or ever comes back. */
function behindGlass<T extends object>(target: T, life: Life): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (life.isOver) return never;
        const result: unknown = Reflect.apply(value, object, args);
        if (!(result instanceof Promise)) return result;
        return result.then(
          (answer) => (life.isOver ? never : answer),
          (error) => (life.isOver ? never : Promise.reject(error)),
        );
      };
    },
  });
}

const never = new Promise<never>(() => {});
