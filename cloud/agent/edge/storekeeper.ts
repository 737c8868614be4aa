/**
 * Does what the managers ask a host to do with volumes, besides running guests on them.
 *
 * Every task may be done again, so nothing of them is kept: an agent that was killed is told them again and goes
 * on from what is there. What is easy to get wrong is who may touch the bytes. A volume that a guest has open is
 * the guest's, unless a daemon of the pool stands between them, and a guest may come or go at any moment; so
 * whoever is told that the other has it asks again.
 */
import type { StorageFacts, StorageResult, StorageTask } from "@holdfast/cloud/hosts";
import type { Hypervisor, MachineRef } from "@holdfast/drivers/hypervisor";
import {
  type Backup,
  type Checked,
  diskIdOf,
  type Opener,
  type VolumePool,
} from "@holdfast/drivers/volumes";
import type { VolumeId } from "@holdfast/kernel/ids";
import { Problem, problem } from "@holdfast/kernel/problem";
import { after, type Clock, milliseconds, seconds } from "@holdfast/kernel/time";
import { unreachable } from "@holdfast/kernel/unreachable";
import type { DiskKeeper } from "./disks.ts";
import { opened, unlocked } from "./keys.ts";
import { said } from "./reports.ts";
import { momentOf } from "./snapshots.ts";
import type { Storage } from "./storage.ts";
import { gate } from "./turns.ts";

export interface StorekeeperDeps {
  readonly hypervisor: Hypervisor;
  readonly storage: Storage;
  readonly disks: Pick<DiskKeeper, "holderOf" | "remove">;
  /** Gives back volumes that are open for nobody. */
  readonly giveBack: () => Promise<void>;
  readonly clock: Clock;
  /** Something to tell the managers. They may not be there; it is told again. */
  readonly onResults: (results: readonly StorageResult[]) => void;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export interface Storekeeper {
  /** The whole list. What is not in it any more is of no interest, even if it is under way. */
  hear(tasks: readonly StorageTask[], place: string | null): void;
  recorded(ids: readonly string[]): void;
  unrecorded(): readonly StorageResult[];
  /** For the managers, when the host of these has fallen silent. Resolves when none can reach its volume. */
  cutOff(reaches: readonly Reach[]): Promise<void>;
  close(): void;
}

/** A volume and an incarnation that may have it open. */
interface Reach extends Opener {
  readonly volume: VolumeId;
  readonly pool: string;
}

/** How often results are told again, and the pools looked after. */
const round = seconds(5);
/** A guest that is just being started or ended has its volumes, or lets go of them, by then. */
const patience = seconds(20);
const pause = milliseconds(200);
/** So many at a time in each pool. What copies whole volumes must not hold up what takes a moment. */
const most = { short: 8, long: 2 };
const long: ReadonlySet<StorageTask["do"]> = new Set([
  "restore",
  "copy",
  "extract",
  "backup",
  "remove-backup",
  "check-backup",
  "restore-backup",
]);
/** These look at nothing that is in a volume. So they are done also where its key is lost, or its pool takes none. */
const keyless: ReadonlySet<StorageTask["do"]> = new Set([
  "remove-backup",
  "remove",
  "release",
  "revoke",
]);

export function storekeeper(deps: StorekeeperDeps): Storekeeper {
  const { hypervisor, storage, disks, clock, onResults, log } = deps;
  let wanted: ReadonlyMap<string, StorageTask> = new Map();
  let place: string | null = null;
  const doing = new Set<string>();
  const results = new Map<string, StorageResult>();
  const gates = new Map<string, ReturnType<typeof gate>>();
  const tending = new Set<string>();
  let isOpen = true;
  const timer = setInterval(() => {
    tell([...results.values()]);
    for (const { pool } of storage.pools) void tend(pool);
    void deps.giveBack();
  }, round);
  timer.unref();

  return {
    hear(tasks, where) {
      wanted = new Map(tasks.map((task) => [task.id, task]));
      place = where;
      for (const id of results.keys()) if (!wanted.has(id)) results.delete(id);
      for (const task of tasks) if (!doing.has(task.id) && !results.has(task.id)) void take(task);
    },
    recorded(ids) {
      for (const id of ids) results.delete(id);
    },
    async cutOff(reaches) {
      await Promise.all(
        reaches.map(async ({ volume, pool, instance, generation }) =>
          (await storage.pool(pool)).revoke(volume, { instance, generation }),
        ),
      );
    },
    unrecorded: () => [...results.values()],
    close() {
      isOpen = false;
      clearInterval(timer);
    },
  };

  async function take(task: StorageTask): Promise<void> {
    const { id } = task;
    doing.add(id);
    const result = await gateOf(task).through(async (): Promise<Partial<StorageResult>> => {
      if (!isOpen || !wanted.has(id)) return {};
      try {
        return { is: "done", result: await perform(task) };
      } catch (error) {
        log("could not do a storage task", { ...withoutKeys(task), error });
        return { is: "failed", problem: said(error) };
      }
    });
    doing.delete(id);
    if (!isOpen || !wanted.has(id) || !result.is) return;
    const told: StorageResult = { ...result, id, is: result.is, at: clock.now() };
    results.set(id, told);
    tell([told]);
  }

  async function perform(task: StorageTask): Promise<StorageFacts> {
    const { volume } = task;
    const pool = await storage.pool(task.pool);
    if (task.key !== undefined && !keyless.has(task.do)) pool.know(volume, opened(task.key));
    if ("fromKey" in task && task.fromKey !== undefined) pool.know(task.from, opened(task.fromKey));
    switch (task.do) {
      case "make":
        await pool.make(volume, task.bytes, { is: "blank" });
        return { virtualBytes: task.bytes };
      case "resize":
        await whoeverHas(pool, volume, {
          pool: () => pool.resize(volume, task.bytes),
          guest: (ref) => hypervisor.resizeDisk(ref, diskIdOf(volume), sectors(task.bytes)),
          isBoth: true,
        });
        return { virtualBytes: sectors(task.bytes) };
      case "snapshot":
        return snapshot(pool, task);
      case "remove-snapshot":
        await whoeverHas(pool, volume, {
          pool: () => pool.removeSnapshot(volume, task.name),
          guest: (ref) => hypervisor.removeDiskSnapshot(ref, diskIdOf(volume), task.name),
        });
        return {};
      case "restore":
        await pool.restore(volume, task.from, task.snapshot);
        return {};
      case "copy":
        await pool.copy(volume, task.from, task.snapshot, task.bytes);
        return {};
      case "extract": {
        const { digest, bytes, virtualBytes } = await storage.publish((file) =>
          pool.extract(volume, task.snapshot, file),
        );
        return { digest, usedBytes: bytes, virtualBytes };
      }
      case "backup":
        return factsOf(await backUp(pool, task));
      case "remove-backup":
        await placeFor(task).remove(volume, task.backup);
        return {};
      case "check-backup":
        return verdictOf(await placeFor(task).check(volume, task.backup));
      case "restore-backup":
        await pool.restoreBackup(volume, placeFor(task), task.from, task.backup);
        return {};
      case "check":
        return verdictOf(await pool.check(volume));
      case "remove":
        await disks.remove({ volume, pool: task.pool });
        return {};
      case "release":
        await pool.release(volume, task.opener);
        return {};
      case "revoke":
        await pool.revoke(volume, task.opener);
        return {};
      default:
        return unreachable(task);
    }
  }

  async function snapshot(
    pool: VolumePool,
    task: Extract<StorageTask, { do: "snapshot" }>,
  ): Promise<StorageFacts> {
    const { volume, name, beside, freeze, atMost } = task;
    const all = [{ volume, pool }];
    for (const other of beside)
      all.push({ volume: other.volume, pool: await storage.pool(other.pool) });
    const guest = await whenFree(async () =>
      momentOf(hypervisor, disks.holderOf(volume), all, {
        ...{ name, freeze, atMost: milliseconds(atMost) },
        isOn: (each) => disks.holderOf(each) !== undefined,
      }),
    );
    const made = (await pool.snapshots(volume)).find((each) => each.name === name);
    return { ...(guest ? { guest } : {}), ...(made ? { at: made.at } : {}) };
  }

  async function backUp(
    pool: VolumePool,
    task: Extract<StorageTask, { do: "backup" }>,
  ): Promise<Backup> {
    const { volume, backup: id, since, bytesPerSecond } = task;
    const where = placeFor(task);
    const wish = {
      id,
      ...(since === undefined ? {} : { since }),
      ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
    };
    return whoeverHas(pool, volume, {
      pool: () => pool.backUp(volume, where, wish),
      async guest(ref) {
        const disk = diskIdOf(volume);
        const bytes = (await hypervisor.disks(ref)).find((each) => each.id === disk)?.bytes ?? 0;
        return where.take(volume, bytes, wish, (target) =>
          hypervisor.backupDisk(ref, disk, target),
        );
      },
    });
  }

  /** By the hypervisor where a guest has it open that the pool cannot go around. `isBoth`: the guest is told as well. */
  function whoeverHas<T>(
    pool: VolumePool,
    volume: VolumeId,
    ways: {
      readonly pool: () => Promise<T>;
      readonly guest: (ref: MachineRef) => Promise<T>;
      readonly isBoth?: boolean;
    },
  ): Promise<T> {
    return whenFree(async () => {
      const holder = disks.holderOf(volume);
      if (holder && !pool.abilities.isLive) return ways.guest(holder);
      const done = await ways.pool();
      return holder && ways.isBoth ? ways.guest(holder) : done;
    });
  }

  /** Until who has the volume is clear: a guest that comes or goes has it and does not for a moment. */
  async function whenFree<T>(work: () => Promise<T>): Promise<T> {
    const deadline = after(clock.now(), patience);
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const isPassing = error instanceof Problem && passing.has(error.code);
        if (!isPassing || !isOpen || clock.now() > deadline) throw error;
        await deps.giveBack();
        await clock.sleep(pause);
      }
    }
  }

  function placeFor({ do: what, volume, key }: StorageTask) {
    if (place !== null) {
      const backups = storage.backups(place);
      if (key !== undefined && !keyless.has(what)) backups.know(volume, opened(key));
      return backups;
    }
    throw problem("conflict", "no_backup_place", `There is no place for backups: ${what}.`, {
      fix: "Set one up: holdfast backups prepare DIRECTORY",
    });
  }

  function gateOf({ pool, do: what }: StorageTask) {
    const length = long.has(what) ? "long" : "short";
    const key = `${length} ${pool}`;
    const known = gates.get(key) ?? gate(most[length]);
    gates.set(key, known);
    return known;
  }

  /** One that hangs is asked once. */
  async function tend(name: string): Promise<void> {
    if (tending.has(name)) return;
    tending.add(name);
    try {
      await (await storage.pool(name)).tend();
    } catch (error) {
      log("a pool is not as it should be", { pool: name, error });
    } finally {
      tending.delete(name);
    }
  }

  function tell(some: readonly StorageResult[]): void {
    if (isOpen && some.length > 0) onResults(some);
  }
}

/** For a log. */
function withoutKeys(task: StorageTask) {
  const { fromKey: _, ...rest } = { fromKey: undefined, ...unlocked(task) };
  return rest;
}

/** What is so only while a guest starts or ends. */
const passing = new Set(["volume_in_use", "not_running", "disk_not_attached"]);
/** Disks are made of them. */
const sectors = (bytes: number) => Math.ceil(bytes / 512) * 512;

const factsOf = ({ at, since, virtualBytes, usedBytes }: Backup): StorageFacts => ({
  at,
  virtualBytes,
  usedBytes,
  ...(since === undefined ? {} : { since }),
});

const verdictOf = (checked: Checked): StorageFacts =>
  "why" in checked ? { is: checked.is, why: checked.why } : { is: checked.is };
