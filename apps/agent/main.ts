/**
 * The agent process of one host.
 *
 * HOLDFAST_STATE     state directory (default /var/lib/holdfast); `holdfast join` has put `agent/identity.json` there
 * HOLDFAST_MANAGERS  addresses of managers, with commas (default 127.0.0.1:7071)
 * HOLDFAST_CPUS, HOLDFAST_MEMORY_MIB  what guests may use, if not all that the machine has
 * HOLDFAST_POOLS     shared pools as JSON, name to directory (default {}); a pool has the same path on every host
 * HOLDFAST_BLOCK_POOLS  pools that a storage host serves, as JSON: name to `{ "at": ADDRESS, "door": PORT }`, or on
 *                       the storage host itself to `{ "serve": { "directory", "address", "door", "ports" } }`
 * HOLDFAST_TEMPLATES_MIB  room for the memory that guests of warm images begin with (default 4096; 0: all are booted)
 * HOLDFAST_STANDBY_MIB  memory set aside for processes that have read theirs before anybody asks for it (default 0: none)
 * HOLDFAST_MIGRATION_ADDRESS, HOLDFAST_MIGRATION_PORT  where machines that move come in (default: the address
 *                    that other hosts reach its guests through, and any free port)
 *
 * Where several hosts are on one machine, each needs its own of these:
 * HOLDFAST_BOOT_ID_FILE  what tells one boot of this host from another (default the kernel's own)
 * HOLDFAST_UIDS_FIRST    the first of 10,001 users that guests run as (default 200000)
 * HOLDFAST_CGROUP        parent of the guests' cgroups (default holdfast)
 * HOLDFAST_NETWORK_TAG   marks its routers' network namespaces (default host): hf-TAG-rNUMBER
 */
import { createHash, randomBytes } from "node:crypto";
import { getServers } from "node:dns";
import { readFile } from "node:fs/promises";
import { isIPv4 } from "node:net";
import { availableParallelism, release, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  fileLoans,
  fileNotes,
  filePicture,
  fileShelf,
  fileTemplates,
} from "@holdfast/cloud/agent/edge";
import type { GuardReport } from "@holdfast/cloud/hosts";
import { probeAcceleration, qemuHypervisor } from "@holdfast/drivers/hypervisor/qemu";
import { linuxNetworks, usualTag } from "@holdfast/drivers/network/linux";
import { hostVitals } from "@holdfast/drivers/vitals/files";
import { type Clock, type Instant, seconds } from "@holdfast/kernel/time";
import pino from "pino";
import { z } from "zod";
import { startAgent } from "./agent.ts";
import { makeDirectories } from "./directories.ts";
import { fileEpoch } from "./epoch.ts";
import { guardClient } from "./guard-client.ts";
import { processorFacts } from "./processor.ts";
import { qemuVersion } from "./qemu-version.ts";
import { relay } from "./relay.ts";
import { BlockPool, poolStorage } from "./storage.ts";
import { storageProbe } from "./storage-probe.ts";
import { traceLines } from "./trace.ts";
import { findUnderlay } from "./underlay.ts";

const { env } = process;
const state = env.HOLDFAST_STATE ?? "/var/lib/holdfast";
const managers = (env.HOLDFAST_MANAGERS ?? "127.0.0.1:7071").split(",");
const log = pino({ base: { process: "agent" }, serializers: { error: pino.stdSerializers.err } });
const clock: Clock = { now: () => Date.now() as Instant, sleep: (duration) => sleep(duration) };
/** The clock of the guard, so that both mean the same moment. */
const ticks = () => Number(process.hrtime.bigint() / 1_000_000n);
const pools = z.record(z.string(), z.string()).parse(JSON.parse(env.HOLDFAST_POOLS ?? "{}"));
const blocks = z.record(z.string(), BlockPool).parse(JSON.parse(env.HOLDFAST_BLOCK_POOLS ?? "{}"));
const bootIdFile = env.HOLDFAST_BOOT_ID_FILE ?? "/proc/sys/kernel/random/boot_id";
/** What this process and its host need for themselves. */
const keptMiB = 1_024;
/** Hardware fails in minutes or months; asking the disks costs each of them a moment. */
const betweenVitals = seconds(60);

const Identity = z.object({ certificate: z.string(), key: z.string(), authority: z.string() });
const ProbeGuest = z.object({ commandLine: z.string() });

const at = await makeDirectories(state);
const membership = Identity.parse(
  JSON.parse(await readFile(join(at.agent, "identity.json"), "utf8")),
);
const { commandLine } = ProbeGuest.parse(
  JSON.parse(await readFile(join(at.tiny, "manifest.json"), "utf8")),
);
const guest = { kernel: join(at.tiny, "vmlinux"), initrd: join(at.tiny, "initrd"), commandLine };
const uids = { first: Number(env.HOLDFAST_UIDS_FIRST ?? 200_000), count: 10_000 };
const acceleration = await probeAcceleration({
  guest,
  remember: join(at.agent, "acceleration.json"),
  uid: uids.first + uids.count,
});
log.info(acceleration, "acceleration");

const hypervisor = qemuHypervisor({
  runDir: at.run,
  clock,
  acceleration,
  uids,
  bootIdFile,
  cgroup: { parent: env.HOLDFAST_CGROUP ?? "holdfast", root: "/sys/fs/cgroup" },
});
const underlay = await findUnderlay(managers);
const guard = guardClient(join(at.guard, "guard.sock"));
/** Hosts share their pools, and one machine may be several hosts. */
const hostKey = createHash("sha256").update(membership.certificate).digest("hex").slice(0, 12);
const bootId = (await readFile(bootIdFile, "utf8")).trim();
const storage = await poolStorage({
  local: { volumes: at.volumes, images: at.images },
  pools,
  blocks,
  managers,
  membership,
  host: hostKey,
  runDir: at.storage,
  clock,
});
const networks = linuxNetworks({
  tag: env.HOLDFAST_NETWORK_TAG ?? usualTag,
  underlayAddress: underlay.address ?? "127.0.0.1",
  uplinkDevice: underlay.device,
  directory: at.networks,
});
const { vlan } = await networks.abilities();
const agent = await startAgent({
  membership,
  managers,
  hypervisor,
  templates: {
    shelf: await fileTemplates(at.templates),
    limit: Number(env.HOLDFAST_TEMPLATES_MIB ?? 4_096) * 2 ** 20,
    standbyMiB: Number(env.HOLDFAST_STANDBY_MIB ?? 0),
  },
  storage,
  loans: await fileLoans(join(at.agent, "loans.jsonl")),
  shelf: await fileShelf(join(at.agent, "wishes.jsonl")),
  networks,
  metadataKey: randomBytes(32),
  pictureShelf: await filePicture(join(at.agent, "networks.jsonl")),
  noteShelf: await fileNotes(join(at.agent, "guests.jsonl")),
  forwarders: getServers().filter((server) => isIPv4(server) && !server.startsWith("127.")),
  probeStorage: storageProbe({ local: at.volumes, ...pools }, hostKey, ticks),
  vitals: { signs: hostVitals({ clock }), every: betweenVitals },
  machine: {
    bootId,
    cpus: Number(env.HOLDFAST_CPUS ?? availableParallelism()),
    memoryMiB: Number(env.HOLDFAST_MEMORY_MIB ?? Math.floor(totalmem() / 2 ** 20) - keptMiB),
    facts: {
      acceleration,
      kernel: release(),
      hypervisor: await qemuVersion(),
      migration: { mirrors: true },
      networks: { vlan: vlan.isThere ? null : vlan.reason },
      ...(await processorFacts()),
    },
    pools: [...Object.keys(pools), ...Object.keys(blocks)],
    underlay: underlay.address,
  },
  passage: relay({
    membership,
    address: env.HOLDFAST_MIGRATION_ADDRESS ?? underlay.address,
    port: Number(env.HOLDFAST_MIGRATION_PORT ?? 0),
    directory: at.relay,
    log: (message, about) => log.info(about, message),
  }),
  epoch: fileEpoch(join(at.agent, "epoch")),
  onRenewed: (sentAt, terms) =>
    guard.renewed({ sentAt, ...terms, bootId, agentPid: process.pid, managers, pools }),
  guard: watched,
  mayLaunchFenceable: guard.mayLaunchFenceable,
  traceLines: traceLines({ logs: at.logs, run: at.run, hypervisor }),
  clock,
  ticks,
  log,
});

/**
 * Guards show themselves in directories, and look there for others who could take their guests. Where there is
 * one, what the guard does for it it does for all guests, also those on a storage host. Where there is none,
 * nobody may believe that it does.
 */
function watched(): GuardReport | null {
  const report = guard.report();
  if (!report || Object.keys(pools).length === 0) return report;
  return { ...report, stamped: [...report.stamped, ...Object.keys(blocks)] };
}

for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => {
    log.info({ signal }, "the agent stops; its guests run on");
    guard.close();
    void Promise.all([agent.close(), storage.close()]).then(() => process.exit(0));
  });
