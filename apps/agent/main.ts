/**
 * The agent process of one host.
 *
 * HOLDFAST_STATE     state directory (default /var/lib/holdfast); `holdfast join` has put `agent/identity.json` there
 * HOLDFAST_MANAGERS  addresses of managers, with commas (default 127.0.0.1:7071)
 * HOLDFAST_CPUS, HOLDFAST_MEMORY_MIB  what guests may use, if not all that the machine has
 */
import { readFile } from "node:fs/promises";
import { availableParallelism, release, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fetchBlob, fileShelf } from "@holdfast/cloud/agent/edge";
import { probeAcceleration, qemuHypervisor } from "@holdfast/drivers/hypervisor/qemu";
import { fileBlobs } from "@holdfast/drivers/images/files";
import { qemuDisks } from "@holdfast/drivers/images/qemu-img";
import type { Clock, Instant } from "@holdfast/kernel/time";
import pino from "pino";
import { z } from "zod";
import { startAgent } from "./agent.ts";
import { makeDirectories } from "./directories.ts";
import { guardClient } from "./guard-client.ts";
import { qemuVersion } from "./qemu-version.ts";
import { traceLines } from "./trace.ts";

const { env } = process;
const state = env.HOLDFAST_STATE ?? "/var/lib/holdfast";
const managers = (env.HOLDFAST_MANAGERS ?? "127.0.0.1:7071").split(",");
const log = pino({ base: { process: "agent" }, serializers: { error: pino.stdSerializers.err } });
const clock: Clock = { now: () => Date.now() as Instant, sleep: (duration) => sleep(duration) };
/** What this process and its host need for themselves. */
const keptMiB = 1_024;

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
const uids = { first: 200_000, count: 10_000 };
const acceleration = await probeAcceleration({
  guest,
  remember: join(at.agent, "acceleration.json"),
  uid: uids.first + uids.count,
});
log.info(acceleration, "acceleration");

const hypervisor = qemuHypervisor({ runDir: at.run, clock, acceleration, uids });
const blobs = await fileBlobs(at.images);
const guard = guardClient(join(at.guard, "guard.sock"));
const agent = await startAgent({
  membership,
  managers,
  hypervisor,
  disks: await qemuDisks({ directory: at.volumes }),
  async ensureBlob(digest) {
    const here = await blobs.find(digest);
    if (here) return here;
    await blobs.put(await fetchBlob(managers, membership, digest), digest);
    const fetched = await blobs.find(digest);
    if (!fetched) throw new Error(`${digest} is gone as soon as it came`);
    return fetched;
  },
  volumeFile: (volume) => join(at.volumes, `${volume}.qcow2`),
  shelf: await fileShelf(at.wishes),
  machine: {
    bootId: (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim(),
    cpus: Number(env.HOLDFAST_CPUS ?? availableParallelism()),
    memoryMiB: Number(env.HOLDFAST_MEMORY_MIB ?? Math.floor(totalmem() / 2 ** 20) - keptMiB),
    facts: { acceleration, kernel: release(), hypervisor: await qemuVersion() },
  },
  onRenewed: guard.renewed,
  hasGuard: guard.isThere,
  traceLines: traceLines({ logs: at.logs, run: at.run, hypervisor }),
  clock,
  // The clock of the guard, so that both mean the same moment.
  ticks: () => Number(process.hrtime.bigint() / 1_000_000n),
  log,
});

for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => {
    log.info({ signal }, "the agent stops; its guests run on");
    guard.close();
    void agent.close().then(() => process.exit(0));
  });
