/**
 * Moving a running QEMU to another one, in QMP.
 *
 * What may surprise: the one that waits is told not to start by itself (`-S`), and only takes its disks when it
 * is let run (`late-block-activate`), so that whoever moves it decides which of the two lives. QEMU's own ways
 * were rejected: without an answer from the destination a cut at the last moment ends both, and with one (its
 * `return-path`) it lets both run.
 *
 * A guest is slowed down by the capability `auto-converge`, which can only be switched on before the start. So
 * it is on from the start, limited to one per cent, and the rung takes the limit away.
 */
import { chown } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type Duration, milliseconds, seconds } from "@holdfast/kernel/time";
import { formatNode, slotOf } from "./block-nodes.ts";
import type {
  Departure,
  Landing,
  MachineForm,
  MachineRef,
  MigrationRung,
  MigrationStatus,
  MigrationView,
} from "./driver.ts";
import type { LaunchRecord, Paths } from "./incarnation.ts";
import { type Ask, isRecord, type QmpArguments, QmpRefusal } from "./qmp.ts";
import { cannotLand, cannotSteer, notArrived, notMovable } from "./refusals.ts";

/** What of a machine is needed for it. */
export interface Moving {
  readonly ref: MachineRef;
  readonly paths: Paths;
  readonly record: LaunchRecord | undefined;
  readonly canReact: boolean;
  readonly hasLeft: boolean;
  query(command: string, within: Duration, args?: QmpArguments): Promise<unknown>;
  /** Rings when its migration or a job of it got further, or after so many milliseconds. */
  news(atMost: number): Promise<void>;
  /** It runs here from now on. */
  landed(): Promise<void>;
}

const answerTime = seconds(10);
/** What its guest may stand still for in the last step. In milliseconds. */
const downtimeLimit = 300;
/** "As fast as it goes": QEMU's own default is 128 MiB each second. In bytes. */
const noLimit = 2 ** 40;
/** In per cent of its processors' time. */
const throttle = { none: 1, most: 99, step: 30 } as const;
/** How long the disks may take to be handed over while the guest stands still. */
const handOverTime = seconds(30);
const dirtyPage = 4_096;
/** See `memory` in qemu-argv.ts. */
const evenStep = 262_144;

const askerOf =
  (machine: Moving): Ask =>
  (command, args) =>
    machine.query(command, answerTime, args).catch((error: unknown) => {
      const cause = error instanceof Error ? error.cause : undefined;
      throw cause instanceof QmpRefusal ? cause : error;
    });

export async function formOf(machine: Moving & { readonly isUp: boolean }): Promise<MachineForm> {
  const ask = askerOf(machine);
  const [type, id, memory, kvm] = await Promise.all([
    ask("qom-get", { path: "/machine", property: "type" }),
    ask("query-vm-generation-id").catch(unlessSilent),
    ask("query-memory-size-summary"),
    ask("query-kvm"),
  ]);
  const isEven = isRecord(memory) && Number(memory["base-memory"]) % evenStep === 0;
  if (isEven && isRecord(kvm) && kvm.enabled === false)
    throw notMovable("it was started by an older version, and would lose some of its memory");
  return {
    board: String(type).replace(/-machine$/, ""),
    vmGenerationId: isRecord(id) && typeof id.guid === "string" ? id.guid : undefined,
    isUp: machine.isUp,
    ...(await pluggedIn(ask)),
  };
}

/** What is in the slots, as QEMU itself tells it: whoever plugged it in may have died before writing it down. */
async function pluggedIn(ask: Ask): Promise<Pick<MachineForm, "slots" | "identityDisk">> {
  const devices = await ask("qom-list", { path: "/machine/peripheral" });
  const slots: Record<string, number> = {};
  let identityDisk: string | undefined;
  for (const { name } of (Array.isArray(devices) ? devices : []).filter(isRecord)) {
    const path = `/machine/peripheral/${String(name)}`;
    const bus = await ask("qom-get", { path, property: "parent_bus" }).catch(unlessSilent);
    const slot = slotOf(String(bus));
    if (slot === undefined) continue;
    slots[String(name)] = slot;
    if ((await ask("qom-get", { path, property: "romfile" }).catch(unlessSilent)) !== "")
      identityDisk = String(name);
  }
  return {
    ...(Object.keys(slots).length > 0 ? { slots } : {}),
    ...(identityDisk === undefined ? {} : { identityDisk }),
  };
}

/** To a QEMU that was launched to wait. May be repeated. */
export async function awaitMemory(machine: Moving, mirrored: readonly string[]): Promise<Landing> {
  const ask = askerOf(machine);
  const { arriving: memory, mirrors: disks } = machine.paths;
  const landing = { memory, disks };
  const info = await ask("query-migrate");
  const isWaiting = isRecord(info) && info.status !== undefined && info.status !== "none";
  if (isWaiting) return { ...landing, postcopy: true };
  const capabilities = (names: readonly string[]) => ({
    capabilities: names.map((capability) => ({ capability, state: true })),
  });
  await ask("migrate-set-capabilities", capabilities(["events", "late-block-activate"]));
  const postcopy = await ask("migrate-set-capabilities", capabilities(["postcopy-ram"])).then(
    () => true as const,
    (error: unknown) => {
      if (!(error instanceof QmpRefusal)) throw error;
      return "this host does not let a guest's process wait for its memory (vm.unprivileged_userfaultfd)";
    },
  );
  if (mirrored.length > 0) {
    await ask("nbd-server-start", { addr: { type: "unix", data: { path: disks } } });
    for (const id of mirrored) {
      const node = { "node-name": formatNode(id), name: id, writable: true };
      await ask("block-export-add", { type: "nbd", id: `mirror-${id}`, ...node });
    }
  }
  await ask("migrate-incoming", { uri: `unix:${memory}` });
  return { ...landing, postcopy };
}

export async function land(machine: Moving): Promise<void> {
  const ask = askerOf(machine);
  const [{ status: runs }, move] = await Promise.all([stateOf(ask), readMove(ask)]);
  if (runs === "running") return machine.landed();
  // After a switch to postcopy it is a moment before it could run.
  if (move !== "completed" && !isFollowed(move)) throw notArrived();
  for (let tries = 100; (await stateOf(ask)).status === "inmigrate"; tries--) {
    if (tries === 0) throw notArrived();
    await machine.news(20);
  }
  await ask("nbd-server-stop").catch(unlessSilent); // It had no disks to receive.
  await ask("cont").catch((error: unknown) => {
    throw error instanceof QmpRefusal ? cannotLand(error.message) : error;
  });
  await machine.landed();
  // Those who had it on the other side of the network are told that it is here now.
  await ask("announce-self", { initial: 20, max: 500, rounds: 5, step: 100 }).catch(unlessSilent);
}

export async function beginMigration(machine: Moving, departure: Departure): Promise<void> {
  if (!machine.canReact || machine.hasLeft) throw notMovable("it stands still");
  const ask = askerOf(machine);
  if (isUnderWay(await readMove(ask)) || efforts.get(machine)?.is === "mirroring") return;
  await clearMirrors(ask);
  efforts.delete(machine);
  const { mirrored, mayPostcopy, bytesPerSecond = noLimit } = departure;
  const uid = machine.record?.uid ?? 0;
  const sockets = [departure.memory, ...(mirrored.length > 0 ? [departure.disks] : [])];
  for (const socket of sockets) await chown(socket, uid, uid);
  const set = (capability: string, state: boolean) => ({ capability, state });
  await ask("migrate-set-capabilities", {
    capabilities: [
      set("events", true),
      set("auto-converge", true),
      set("pause-before-switchover", mirrored.length > 0),
      set("postcopy-ram", mayPostcopy),
    ],
  });
  await ask("migrate-set-parameters", {
    "downtime-limit": downtimeLimit,
    "max-bandwidth": bytesPerSecond,
    "max-postcopy-bandwidth": bytesPerSecond,
    "max-cpu-throttle": throttle.none,
    "cpu-throttle-initial": throttle.none,
    "cpu-throttle-increment": throttle.none,
  });
  if (mirrored.length === 0) {
    await ask("migrate", { uri: `unix:${departure.memory}` });
    return;
  }
  const effort: Effort = { is: "mirroring", says: undefined };
  efforts.set(machine, effort);
  try {
    for (const id of mirrored) await mirror(ask, id, departure);
    void sendWhenMirrored(machine, ask, effort, departure).catch((error) => fail(effort, error));
  } catch (error) {
    fail(effort, error);
    await clearMirrors(ask);
  }
}

/** How far it is with what QEMU does not know as a migration yet: the disks before the memory. */
interface Effort {
  is: "mirroring" | "memory" | "cancelled" | "failed";
  says: string | undefined;
}

/** One that an earlier agent has made lost its disks with that agent, whose sockets they went through. */
const efforts = new WeakMap<Moving, Effort>();

function fail(effort: Effort, error: unknown): void {
  effort.is = "failed";
  effort.says = error instanceof Error ? error.message : String(error);
}

async function mirror(ask: Ask, id: string, { disks, bytesPerSecond = 0 }: Departure) {
  const target = mirrorOf(id);
  await ask("blockdev-add", {
    driver: "nbd",
    "node-name": target,
    server: { type: "unix", path: disks },
    export: id,
  });
  await ask("blockdev-mirror", {
    "job-id": target,
    device: id,
    target,
    // What is below it is an image, which is on both hosts.
    sync: "top",
    "copy-mode": "write-blocking",
    speed: bytesPerSecond,
    "buf-size": bufferFor(bytesPerSecond),
    "auto-dismiss": false,
  });
}

/**
 * QEMU sends this much and then waits until its speed allows more. It notices nothing meanwhile, a broken
 * connection neither, so a slow one must not be given 16 MiB as it would by itself.
 */
const bufferFor = (bytesPerSecond: number) =>
  bytesPerSecond === 0 ? 16 << 20 : Math.min(16 << 20, Math.max(1 << 20, bytesPerSecond / 4));

/** When all disks are as new there as here. */
async function sendWhenMirrored(
  machine: Moving,
  ask: Ask,
  effort: Effort,
  { memory, mirrored }: Departure,
): Promise<void> {
  for (;;) {
    const jobs = await jobsOf(ask);
    if (effort.is !== "mirroring") return;
    const over = jobs.find(({ status }) => status === "concluded");
    if (over || jobs.length < mirrored.length)
      throw new Error(over?.error ?? "its disks are not copied any more");
    if (jobs.every(({ status }) => status === "ready")) break;
    await machine.news(500);
  }
  await ask("migrate", { uri: `unix:${memory}` });
  if (effort.is === "mirroring") effort.is = "memory";
  else await ask("migrate_cancel"); // It was called back in the same moment.
}

export async function viewMigration(machine: Moving): Promise<MigrationView> {
  const ask = askerOf(machine);
  const effort = efforts.get(machine);
  const phase = effort?.is ?? "memory"; // Of before the answers: its memory is begun between two of them.
  const [info, jobs, parameters] = await Promise.all([
    ask("query-migrate"),
    jobsOf(ask),
    ask("query-migrate-parameters"),
  ]);
  const move = isRecord(info) ? info : {};
  const memory = isRecord(move.ram) ? move.ram : {};
  const limits = isRecord(parameters) ? parameters : {};
  const number = (value: unknown) => Math.max(0, Number(value ?? 0) || 0);
  const status = statusOf(String(move.status ?? "none"), phase, machine, jobs);
  if (status === "failed" || status === "cancelled") await clearMirrors(ask);
  const broken = jobs.find(({ error }) => error !== undefined)?.error;
  const says = effort?.says ?? broken ?? move["error-desc"];
  return {
    status,
    ...(says === undefined ? {} : { says: String(says) }),
    elapsed: milliseconds(number(move["total-time"])),
    ...(status === "completed" && move.downtime !== undefined
      ? { downtime: milliseconds(number(move.downtime)) }
      : {}),
    remainingBytes: number(memory.remaining),
    totalBytes: number(memory.total),
    bytesPerSecond: (number(memory.mbps) * 1e6) / 8,
    dirtyBytesPerSecond: number(memory["dirty-pages-rate"]) * dirtyPage,
    disksRemainingBytes: jobs.reduce((sum, { left }) => sum + left, 0),
    areDisksReady: jobs.every(({ status }) => status === "ready"),
    isThrottled: number(limits["max-cpu-throttle"]) > throttle.none,
  };
}

export async function steer(machine: Moving, rung: MigrationRung): Promise<void> {
  const ask = askerOf(machine);
  const effort = efforts.get(machine);
  const move = await readMove(ask);
  try {
    switch (rung) {
      case "slow-down":
        if (move !== "active" && move !== "setup") throw cannotSteer(rung, move);
        await ask("migrate-set-parameters", {
          "max-cpu-throttle": throttle.most,
          "cpu-throttle-increment": throttle.step,
        });
        return;
      case "postcopy":
        if (move !== "active") throw cannotSteer(rung, move);
        await ask("migrate-start-postcopy");
        return;
      case "switch":
        if (move !== "pre-switchover") throw cannotSteer(rung, move);
        await handOver(machine, ask);
        await ask("migrate-continue", { state: "pre-switchover" });
        return;
      case "cancel":
        if (isFollowed(move) || move === "completed") throw cannotSteer(rung, move);
        if (effort?.is === "mirroring") effort.is = "cancelled";
        await ask("migrate_cancel");
        await clearMirrors(ask);
    }
  } catch (error) {
    throw error instanceof QmpRefusal ? cannotSteer(rung, error.message) : error;
  }
}

/** What is left of disks that were being copied; after the end of a migration, however it ended. */
export async function clearMirrors(ask: Ask): Promise<void> {
  for (const { id, status } of await jobsOf(ask)) {
    if (status !== "concluded")
      await ask("block-job-cancel", { device: id, force: true }).catch(unlessSilent);
    for (let tries = 100; tries > 0; tries--) {
      const job = (await jobsOf(ask)).find((each) => each.id === id);
      if (!job || job.status === "concluded") break;
      await sleep(20);
    }
    await ask("job-dismiss", { id }).catch(unlessSilent);
    await ask("blockdev-del", { "node-name": id }).catch(unlessSilent);
  }
}

/** The guest stands still, so what has been written is all there is: let the copies be whole. */
async function handOver(machine: Moving, ask: Ask): Promise<void> {
  const jobs = await jobsOf(ask);
  if (jobs.length === 0) throw new QmpRefusal("its disks are not copied any more");
  for (const { id } of jobs) await ask("block-job-cancel", { device: id });
  const deadline = performance.now() + handOverTime;
  for (const { id } of jobs) {
    for (;;) {
      const job = (await jobsOf(ask)).find((each) => each.id === id);
      if (job?.error !== undefined) throw new QmpRefusal(job.error);
      if (!job || job.status === "concluded") break;
      if (performance.now() > deadline) throw new QmpRefusal("its disks were not handed over");
      await machine.news(50);
    }
    await ask("job-dismiss", { id });
    await ask("blockdev-del", { "node-name": id });
  }
}

interface Job {
  readonly id: string;
  readonly status: string;
  readonly error: string | undefined;
  readonly left: number;
}

const mirrorOf = (disk: string) => `move-${disk}`;
/** Whether a job's event is about a disk that moves. */
export const isMirror = (job: unknown) => String(job).startsWith("move-");

async function jobsOf(ask: Ask): Promise<readonly Job[]> {
  const answer = await ask("query-jobs");
  return (Array.isArray(answer) ? answer : [])
    .filter(isRecord)
    .filter(({ id }) => isMirror(id))
    .map((job) => ({
      id: String(job.id),
      status: String(job.status),
      error: job.error === undefined ? undefined : String(job.error),
      left: Math.max(0, Number(job["total-progress"]) - Number(job["current-progress"])),
    }));
}

const statuses = new Set<string>([
  ...["none", "setup", "active", "pre-switchover", "device"],
  ...["postcopy-active", "postcopy-paused", "completed", "cancelling", "cancelled", "failed"],
]);

function statusOf(
  move: string,
  phase: Effort["is"],
  machine: Moving,
  jobs: readonly Job[],
): MigrationStatus {
  if (phase !== "memory") return phase;
  if (!isUnderWay(move) && jobs.length > 0) return "failed";
  if (move === "completed" && !machine.hasLeft) return "failed"; // It was taken back.
  if (move === "postcopy-recover") return "postcopy-paused";
  return statuses.has(move) ? (move as MigrationStatus) : "none"; // It is in the set.
}

const isUnderWay = (move: string) => !["none", "completed", "failed", "cancelled"].includes(move);
const isFollowed = (move: string) => move.startsWith("postcopy");

async function readMove(ask: Ask): Promise<string> {
  const info = await ask("query-migrate");
  return isRecord(info) && info.status !== undefined ? String(info.status) : "none";
}

async function stateOf(ask: Ask): Promise<{ readonly status: string }> {
  const answer = await ask("query-status");
  return { status: isRecord(answer) ? String(answer.status) : "unknown" };
}

function unlessSilent(error: unknown): undefined {
  if (!(error instanceof QmpRefusal)) throw error;
}
