/**
 * Simulated hosts in a process of their own: real agents on the real link, over machines made of a Map.
 * Started by processes.ts, which says where the manager is; prints nothing.
 *
 * What a host does besides talking (files of wishes, disks, processes) is not done here, so the figures
 * are the control plane's alone.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  join,
  memoryLoans,
  memoryNotes,
  memoryPicture,
  memoryShelf,
  noPassage,
} from "@holdfast/cloud/agent/edge";
import { simulatedHypervisor, simulatedWorld } from "@holdfast/drivers/hypervisor/simulated";
import { simulatedKernel, simulatedNetworks } from "@holdfast/drivers/network/simulated";
import { simulatedHost, simulatedVitals } from "@holdfast/drivers/vitals/simulated";
import {
  simulatedBackups,
  simulatedPool,
  simulatedStorage,
} from "@holdfast/drivers/volumes/simulated";
import { type Clock, type Instant, seconds } from "@holdfast/kernel/time";
import pino from "pino";
import { startAgent } from "../apps/agent/agent.ts";
import { caller } from "./processes.ts";

const { BENCH_API, BENCH_AGENTS = "", BENCH_FIRST, BENCH_COUNT } = process.env;
const call = caller(Number(BENCH_API));
const clock: Clock = { now: () => Date.now() as Instant, sleep: (duration) => sleep(duration) };
const log = pino({ level: "silent" });

for (let index = 0; index < Number(BENCH_COUNT); index++)
  await startHost(`host-${Number(BENCH_FIRST) + index}`);
const isUp = async () => {
  const { hosts } = await call<{ hosts: { state: string }[] }>("GET", "/v1/hosts");
  return hosts.every(({ state }) => state === "up");
};
while (!(await isUp())) await sleep(50);
process.send?.("connected");

async function startHost(name: string): Promise<void> {
  const asked = { hostName: name, minutes: 5 };
  const { token } = await call<{ token: string }>("POST", "/v1/join-tokens", asked);
  const world = simulatedWorld({ bootTime: seconds(1) });
  const hypervisor = simulatedHypervisor(world, clock);
  const volumes = simulatedStorage();
  const pool = simulatedPool(volumes, clock, { isShared: false, canRevoke: false, isLive: false });
  const { acceleration } = hypervisor;
  await startAgent({
    membership: await join(BENCH_AGENTS, token, name),
    managers: [BENCH_AGENTS],
    hypervisor,
    storage: {
      pools: [],
      pool: async () => pool,
      async ensureBlob(digest) {
        volumes.images.set(`/blobs/${digest}`, 4_096);
        return `/blobs/${digest}`;
      },
      backups: () => simulatedBackups(clock),
      publish: async () => Promise.reject(new Error("nobody makes images here")),
    },
    loans: memoryLoans(),
    shelf: memoryShelf(),
    networks: simulatedNetworks(simulatedKernel()),
    metadataKey: randomBytes(32),
    pictureShelf: memoryPicture(),
    noteShelf: memoryNotes(),
    forwarders: [],
    probeStorage: async () => [],
    vitals: { signs: simulatedVitals(simulatedHost(), clock), every: seconds(60) },
    machine: {
      bootId: randomBytes(8).toString("hex"),
      cpus: 256,
      memoryMiB: 262_144,
      facts: { acceleration, kernel: "simulated", hypervisor: "simulated" },
      pools: [],
      underlay: null,
    },
    passage: noPassage,
    epoch: { known: () => null, remember: () => {} },
    onRenewed: () => {},
    guard: () => null,
    mayLaunchFenceable: () => true,
    traceLines: async () => [],
    clock,
    ticks: () => performance.now(),
    log,
  });
}

process.once("SIGTERM", () => process.exit(0));
