/**
 * The guard: a small process of its own that holds the lease clock, the watchdog and the kill switch of
 * this host.
 *
 * It is apart from the agent so that nothing an agent does, not even hanging, can stop the clock. It uses
 * no library, so that there is little that can go wrong and little memory that could be missing.
 *
 * HOLDFAST_STATE         state directory (default /var/lib/holdfast)
 * HOLDFAST_WATCHDOG      none (default), /dev/watchdog (or another device), or unix:/path of a simulated one
 * HOLDFAST_BOOT_ID_FILE  what tells one boot of this host from another (default the kernel's own)
 */
import { mkdirSync, readFileSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findProcess, signal } from "@holdfast/drivers/hypervisor/process";
import { noWatchdog, type Watchdog } from "@holdfast/drivers/watchdog";
import { deviceWatchdog } from "@holdfast/drivers/watchdog/device";
import { socketWatchdog } from "@holdfast/drivers/watchdog/socket";
import type { Instant } from "@holdfast/kernel/time";
import { startGuard } from "./guard.ts";
import { asyncLog } from "./log.ts";
import { fenceableMachines } from "./machines.ts";
import { type GuardMembership, managerDoor } from "./renew.ts";
import { openSocket } from "./socket.ts";
import { stampFolder } from "./stamps.ts";

// Each pool that hangs takes one thread for as long as it does. Read when the first one is needed.
process.env.UV_THREADPOOL_SIZE ??= "16";
const state = process.env.HOLDFAST_STATE ?? "/var/lib/holdfast";
const bootIdFile = process.env.HOLDFAST_BOOT_ID_FILE ?? "/proc/sys/kernel/random/boot_id";
const directory = join(state, "guard");
const leaseFile = join(directory, "lease.json");
const wallClock = () => Date.now() as Instant;
const log = asyncLog(wallClock);
let slept = 0;
mkdirSync(directory, { recursive: true, mode: 0o700 });

const watchdog = watchdogOf(process.env.HOLDFAST_WATCHDOG ?? "none");
const guard = await startGuard({
  ticks: steadyNow,
  suspended,
  clockId: readFileSync(bootIdFile, "utf8").trim(),
  every(interval, act) {
    const timer = setInterval(act, interval);
    return () => clearInterval(timer);
  },
  watchdog,
  openPool: stampFolder,
  findMachines: fenceableMachines(join(state, "run"), wallClock),
  askManager: managerDoor(
    async () =>
      JSON.parse(await readFile(join(state, "agent", "identity.json"), "utf8")) as GuardMembership, // `holdfast join` wrote it, and TLS looks at every part of it.
  ),
  findAgent(pid) {
    const found = findProcess(pid);
    return found && { kill: () => void signal(found, "SIGKILL") };
  },
  shelf: {
    read: () => readFile(leaseFile, "utf8"),
    async write(text) {
      await writeFile(`${leaseFile}.new`, text, { mode: 0o600 });
      await rename(`${leaseFile}.new`, leaseFile);
    },
  },
  log,
});
const socket = await openSocket(join(directory, "guard.sock"), guard.agents);
log("the guard is up", { watchdog: watchdog.identity });

for (const name of ["SIGTERM", "SIGINT"] as const)
  process.once(name, () => {
    // First the door: an agent that has no guard launches nothing that would need one.
    void socket
      .close()
      .then(() => guard.retire())
      .finally(() => process.exit(0));
  });

/** The same clock as the agent's: steady, and shared by the processes of one machine. */
function steadyNow(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** Uptime counts sleep and the steady clock does not. Whole seconds, because the two are not read at once. */
function suspended(): number {
  const uptime = Number.parseFloat(readFileSync("/proc/uptime", "latin1")) * 1_000;
  slept = Math.max(slept, Math.floor((uptime - steadyNow()) / 1_000) * 1_000);
  return slept;
}

function watchdogOf(setting: string): Watchdog {
  if (setting === "none") return noWatchdog;
  if (setting.startsWith("unix:")) return socketWatchdog(setting.slice("unix:".length));
  return deviceWatchdog(setting);
}
