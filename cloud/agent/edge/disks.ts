/**
 * The disks of the machines of one host: opened for an incarnation, fitted to what is wished while it runs,
 * and given back when it is over.
 *
 * What is open is written down before it is opened (loans.ts), and what is plugged in is asked of the
 * hypervisor, never remembered. So each of these may be begun again after a crash at any moment.
 */
import type { DiskReport, Unwanted, Wish, WishedDisk } from "@holdfast/cloud/hosts";
import type {
  AttachedDisk,
  Disk,
  DiskLimits,
  Hypervisor,
  MachineRef,
  MachineView,
} from "@holdfast/drivers/hypervisor";
import { diskIdOf, type ImageFile, type Opener, type VolumePool } from "@holdfast/drivers/volumes";
import { allOver } from "@holdfast/kernel/all-over";
import type { VolumeId } from "@holdfast/kernel/ids";
import { Problem, problem } from "@holdfast/kernel/problem";
import { seconds } from "@holdfast/kernel/time";
import { opened } from "./keys.ts";
import { keyOf, type Loan, type LoanBook, type Loans } from "./loans.ts";
import { said } from "./reports.ts";
import { specOf } from "./spec.ts";
import type { Speeds } from "./speeds.ts";
import type { Storage } from "./storage.ts";
import { turns } from "./turns.ts";

export interface DiskKeeperDeps {
  readonly hypervisor: Hypervisor;
  readonly storage: Pick<Storage, "pool">;
  readonly loans: LoanBook;
  /** Undefined: nobody promises anything. */
  readonly speeds?: Speeds;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export interface Fit {
  readonly reports: readonly DiskReport[];
  /** Nothing is left to be done. If not, it should be tried again in a while. */
  readonly isSettled: boolean;
}

export interface DiskKeeper {
  /** Take up what was written down. Call once, after the hypervisor has adopted what runs. */
  open(): Promise<void>;
  /** Makes those that are made at a start: the root volume from its image when that is here, and what lasts for one generation. */
  make(wish: Wish, image: Promise<ImageFile>): Promise<void>;
  /** Gives all of them to this incarnation. */
  lend(wish: Wish): Promise<readonly Disk[]>;
  /** Makes those of a running machine as they are wished. Undefined: it does not run. */
  fit(wish: Wish): Promise<Fit | undefined>;
  /** Gives back what is open for nobody: not of a machine that runs, and not of one that `isComing`. */
  giveBack(isComing: (ref: MachineRef) => boolean): Promise<void>;
  /** The running machine that has this volume open here. */
  holderOf(volume: VolumeId): MachineRef | undefined;
  /** Deletes a volume that nobody wants any more, whoever had it open. */
  remove(unwanted: Unwanted): Promise<void>;
  /** All that is open, for whoever counts. */
  list(): readonly Loans[];
}

/** A guest that is willing lets go of a disk in half a second; on a busy host it takes longer. */
const detachPatience = seconds(5);

export function diskKeeper(deps: DiskKeeperDeps): DiskKeeper {
  const { hypervisor, storage, loans, speeds, log } = deps;
  const open = new Map<string, Loans>();
  const inTurn = turns<string>();
  const returning = new Map<string, Promise<void>>();

  return {
    async open() {
      for (const each of await loans.load()) open.set(keyOf(each), each);
    },

    async make(wish, image) {
      const { disks } = specOf(wish);
      const noted = note(refOf(wish), (known) => added(known, disks));
      const fromImage = disks.filter(
        (disk) => disk.kind !== "ephemeral" && disk.origin === "image",
      );
      await allOver([
        noted,
        ...fromImage.map(async (disk) => {
          const origin = { is: "overlay", image: await image } as const;
          await noted; // It may be opened by the way.
          // Last: a removal that is under way forgets the key, and it would be made plain.
          const pool = await poolFor(disk);
          await pool.make(disk.volume, disk.bytes, origin, openerOf(refOf(wish)));
        }),
      ]);
      for (const disk of disks) if (disk.kind === "ephemeral") await makeAnew(refOf(wish), disk);
    },

    async lend(wish) {
      const { disks } = specOf(wish);
      await note(refOf(wish), (known) => added(known, disks));
      await speeds?.measure(disks);
      const lent: Disk[] = [];
      for (const disk of disks) lent.push(await openDisk(refOf(wish), disk));
      return lent;
    },

    fit,
    giveBack,

    holderOf(volume) {
      for (const { id, generation, volumes } of open.values())
        if (volumes.some((loan) => loan.volume === volume) && runs({ id, generation }))
          return { id, generation };
      return undefined;
    },

    async remove({ volume, pool: name }) {
      const pool = await storage.pool(name);
      for (const loaned of open.values())
        if (loaned.volumes.some((loan) => loan.volume === volume) && !runs(loaned))
          await returnAll(loaned);
      try {
        await pool.remove(volume);
      } catch (error) {
        if (!isInUse(error)) throw error;
        // Its last holder's host is gone, and the managers would not ask if it were not dead.
        for (const opener of await pool.openers(volume)) {
          if (runs({ id: opener.instance, generation: opener.generation })) throw error;
          await pool.release(volume, opener);
        }
        await pool.remove(volume);
      }
    },

    list: () => [...open.values()],
  };

  async function fit(wish: Wish): Promise<Fit | undefined> {
    const ref = refOf(wish);
    const wished = specOf(wish).disks;
    const problems = new Map<VolumeId, unknown>();
    try {
      const before = byId(await hypervisor.disks(ref));
      if (isFitted(ref, wished, before)) return { reports: reportsOf(before), isSettled: true };
      await Promise.all([
        ...wished.map((disk) =>
          fitOne(ref, disk, before.get(diskIdOf(disk.volume))).catch((error: unknown) => {
            problems.set(disk.volume, error);
          }),
        ),
        ...superfluous(ref, wished, before).map(({ volume }) =>
          hypervisor.detachDisk(ref, diskIdOf(volume), detachPatience).catch((error: unknown) => {
            problems.set(volume, error);
          }),
        ),
      ]);
      const after = byId(await hypervisor.disks(ref));
      const left = superfluous(ref, wished, after);
      await returnSome(ref, (loan) => {
        const isKept = [...wished, ...left].some(({ volume }) => volume === loan.volume);
        return !isKept && !after.has(diskIdOf(loan.volume));
      });
      for (const [volume, error] of problems) log("a disk does not fit", { ...ref, volume, error });
      const reports = [
        ...reportsOf(after),
        ...left.map(({ volume }) => refusalOf(volume, after, problems.get(volume))),
      ];
      return { reports, isSettled: reports.every(({ is }) => is === "attached") };
    } catch (error) {
      if (!runs(ref)) return undefined;
      throw error;
    }

    function reportsOf(seen: ReadonlyMap<string, AttachedDisk>): readonly DiskReport[] {
      return wished.map((disk) =>
        reportOf(disk, seen, problems.get(disk.volume) ?? speeds?.lacking(disk)),
      );
    }
  }

  /** Nearly always: a guest is begun with the disks that are wished. */
  function isFitted(
    ref: MachineRef,
    wished: readonly WishedDisk[],
    seen: ReadonlyMap<string, AttachedDisk>,
  ): boolean {
    const known = open.get(keyOf(ref))?.volumes ?? [];
    return (
      known.every(({ volume }) => wished.some((disk) => disk.volume === volume)) &&
      wished.every((disk) => {
        const there = seen.get(diskIdOf(disk.volume));
        return there && there.bytes >= disk.bytes && isSame(limitsOf(disk), there.limits);
      })
    );
  }

  async function fitOne(
    ref: MachineRef,
    disk: WishedDisk,
    seen: AttachedDisk | undefined,
  ): Promise<void> {
    if (!seen) {
      await note(ref, (known) => added(known, [disk]));
      if (disk.kind === "ephemeral") await makeAnew(ref, disk);
      return hypervisor.attachDisk(ref, await openDisk(ref, disk));
    }
    if (seen.bytes < disk.bytes) {
      const pool = await storage.pool(disk.pool);
      if (pool.abilities.isLive) await pool.resize(disk.volume, disk.bytes);
      await hypervisor.resizeDisk(ref, seen.id, sectors(disk.bytes));
    }
    const limits = limitsOf(disk);
    if (!isSame(limits, seen.limits)) await hypervisor.setDiskLimits(ref, seen.id, limits);
  }

  async function openDisk(ref: MachineRef, disk: WishedDisk): Promise<Disk> {
    const pool = await poolFor(disk);
    const { source } = await pool.open(disk.volume, openerOf(ref));
    // Its machine may have ended meanwhile, and all that was known to be open was given back.
    if (!open.get(keyOf(ref))?.volumes.some(({ volume }) => volume === disk.volume)) {
      await pool.release(disk.volume, openerOf(ref));
      throw problem("conflict", "not_running", "The machine has ended meanwhile.");
    }
    const { key } = disk;
    const opened = { id: diskIdOf(disk.volume), source, readOnly: false, limits: limitsOf(disk) };
    return key === undefined ? opened : { ...opened, key };
  }

  /** Which knows the key of an encrypted one by then. Rejects with `volume_key_missing`. */
  async function poolFor({ volume, pool: name, key }: WishedDisk): Promise<VolumePool> {
    const pool = await storage.pool(name);
    if (key !== undefined) pool.know(volume, opened(key));
    return pool;
  }

  /** Blank, whatever an earlier generation has left; but not if this one has it open already. */
  async function makeAnew(ref: MachineRef, disk: WishedDisk) {
    const { volume, bytes, key } = disk;
    const pool = await storage.pool(disk.pool);
    await pool.release(volume, { instance: ref.id, generation: ref.generation - 1 });
    try {
      await pool.remove(volume);
    } catch (error) {
      if (isInUse(error)) return;
      throw error;
    }
    if (key !== undefined) pool.know(volume, opened(key)); // It was forgotten with the one before.
    await pool.make(volume, bytes, { is: "blank" });
  }

  /** What it has and should not have. The root volume is never taken from a machine that runs. */
  function superfluous(
    ref: MachineRef,
    wished: readonly WishedDisk[],
    seen: ReadonlyMap<string, AttachedDisk>,
  ): readonly Loan[] {
    const known = open.get(keyOf(ref))?.volumes ?? [];
    return known.filter(
      ({ volume, kind }) =>
        kind !== "root" &&
        seen.has(diskIdOf(volume)) &&
        !wished.some((disk) => disk.volume === volume),
    );
  }

  async function giveBack(isComing: (ref: MachineRef) => boolean): Promise<void> {
    // One look at all of them: this is asked every few seconds, of hosts with hundreds.
    const running = new Set(
      hypervisor.list().flatMap((view) => (isEnded(view) ? [] : keyOf(view))),
    );
    const over = [...open.values()].filter((each) => !running.has(keyOf(each)) && !isComing(each));
    await Promise.all(
      over.map((each) =>
        returnAll(each).catch((error: unknown) =>
          log("could not give back a volume", { ...keyed(each), error }),
        ),
      ),
    );
  }

  /** Once at a time: storage that hangs is asked once. */
  function returnAll(loaned: Loans): Promise<void> {
    const key = keyOf(loaned);
    const under = returning.get(key);
    if (under) return under;
    const mine = returnSome(loaned, () => true).finally(() => returning.delete(key));
    returning.set(key, mine);
    return mine;
  }

  async function returnSome(ref: MachineRef, isOver: (loan: Loan) => boolean): Promise<void> {
    const over = (open.get(keyOf(ref))?.volumes ?? []).filter(isOver);
    if (over.length === 0) return;
    for (const { volume, pool: name, kind } of over) {
      const pool = await storage.pool(name);
      await pool.release(volume, openerOf(ref));
      if (kind === "ephemeral") await removeOwn(pool, volume);
    }
    await note(ref, (known) => known.filter((loan) => !over.includes(loan)));
  }

  /** Unless a younger generation has one of the same name by now. */
  async function removeOwn(pool: VolumePool, volume: VolumeId): Promise<void> {
    await pool.remove(volume).catch((error: unknown) => {
      if (!isInUse(error)) throw error;
    });
  }

  function note(ref: MachineRef, next: (known: readonly Loan[]) => readonly Loan[]) {
    const key = keyOf(ref);
    return inTurn(key, async () => {
      const known = open.get(key)?.volumes ?? [];
      const volumes = next(known);
      if (volumes === known) return;
      const { id, generation } = ref;
      await loans.save({ id, generation, volumes });
      if (volumes.length === 0) open.delete(key);
      else open.set(key, { id, generation, volumes });
    });
  }

  function runs({ id, generation }: MachineRef): boolean {
    return hypervisor.list(id).some((view) => view.generation === generation && !isEnded(view));
  }
}

function added(known: readonly Loan[], disks: readonly WishedDisk[]): readonly Loan[] {
  const fresh = disks.filter(({ volume }) => !known.some((loan) => loan.volume === volume));
  if (fresh.length === 0) return known;
  return [...known, ...fresh.map(({ volume, pool, kind }) => ({ volume, pool, kind }))];
}

function reportOf(
  { volume, bytes }: WishedDisk,
  seen: ReadonlyMap<string, AttachedDisk>,
  error: unknown,
): DiskReport {
  const disk = seen.get(diskIdOf(volume));
  const problem = error === undefined ? {} : { problem: said(error) };
  if (!disk) return { volume, is: "attach-failed", bytes: 0, ...problem };
  return {
    volume,
    is: disk.bytes < bytes ? "too-small" : "attached",
    bytes: disk.bytes,
    ...problem,
  };
}

const refusalOf = (
  volume: VolumeId,
  seen: ReadonlyMap<string, AttachedDisk>,
  error: unknown,
): DiskReport => ({
  volume,
  is: "detach-refused",
  bytes: seen.get(diskIdOf(volume))?.bytes ?? 0,
  ...(error === undefined ? {} : { problem: said(error) }),
});

const refOf = ({ instance: id, generation }: Wish): MachineRef => ({ id, generation });
const openerOf = ({ id: instance, generation }: MachineRef): Opener => ({ instance, generation });
const keyed = ({ id, generation }: MachineRef) => ({ id, generation });
const isEnded = ({ is }: MachineView) => is === "exited";
const byId = (disks: readonly AttachedDisk[]) => new Map(disks.map((disk) => [disk.id, disk]));
/** Disks are made of them. */
const sectors = (bytes: number) => Math.ceil(bytes / 512) * 512;
const isInUse = (error: unknown) => error instanceof Problem && error.code === "volume_in_use";

const limitsOf = ({ limits }: WishedDisk): DiskLimits => ({
  ...(limits?.iops ? { iops: limits.iops } : {}),
  ...(limits?.bytesPerSecond ? { bytesPerSecond: limits.bytesPerSecond } : {}),
});
const isSame = (a: DiskLimits, b: DiskLimits) =>
  (a.iops ?? 0) === (b.iops ?? 0) && (a.bytesPerSecond ?? 0) === (b.bytesPerSecond ?? 0);
