/**
 * A place for backups made of a Map, which can vanish.
 *
 * What keys somebody was told lasts as long as their look at the place and no longer, as with a real one: an agent opens
 * it anew for each task. What a backup is encrypted with is the backup's own.
 */
import type { VolumeId } from "@holdfast/kernel/ids";
import { Problem } from "@holdfast/kernel/problem";
import type { Clock, Instant } from "@holdfast/kernel/time";
import type { Backup, BackupPlace } from "./driver.ts";
import { backupNotFound, keyMissing, keyWrong, placeMissing } from "./problems.ts";
import { named } from "./volume-file.ts";

/** One look at it. */
export interface SimulatedPlace extends BackupPlace {
  /** That a file in it is encrypted with. */
  keyOf(file: string): string | undefined;
}

export interface SimulatedBackups extends SimulatedPlace {
  isThere: boolean;
  /** Another look, which has been told no key. */
  open(): SimulatedPlace;
}

/** What the tables of a file take before anything is in it. In bytes. */
export const emptyFile = 196_608;

/** Why what is encrypted with `key`, or plain, is not opened with `told`. */
export function whyNot(key: string | undefined, told: string | undefined): Problem | undefined {
  if (key === told) return undefined;
  return told === undefined ? keyMissing() : keyWrong();
}

/** Simulated pools are given simulated places. */
export const keyIn = (place: BackupPlace | SimulatedPlace, file: string): string | undefined =>
  "keyOf" in place ? place.keyOf(file) : undefined;

export function simulatedBackups(clock: Clock): SimulatedBackups {
  const kept = new Map<VolumeId, Map<string, Backup>>();
  const locks = new Map<string, string>();
  const of = (volume: VolumeId) => {
    if (!all.isThere) throw placeMissing();
    const known = kept.get(volume) ?? new Map<string, Backup>();
    kept.set(volume, known);
    return known;
  };
  const fileOf = (volume: VolumeId, id: string) => `/backups/${volume}/${id}`;
  const all: SimulatedBackups = { isThere: true, open, ...open() };
  return all;

  function open(): SimulatedPlace {
    const keys = new Map<VolumeId, string>();
    return {
      keyOf: (file) => locks.get(file),
      know(volume, key) {
        keys.set(volume, key);
      },
      async take(volume, virtualBytes, { id, since, bytesPerSecond }, write) {
        const backups = of(volume);
        const known = backups.get(named(id));
        if (known) return known;
        const key = keys.get(volume);
        const speed = bytesPerSecond === undefined ? {} : { bytesPerSecond };
        const opened = key === undefined ? {} : { key };
        const target = { file: fileOf(volume, id), point: `p.${id}`, ...speed, ...opened };
        const full = async (): Promise<undefined> => void (await write(target));
        const upon =
          since === undefined || !backups.has(since) || key !== undefined
            ? await full()
            : await write({ ...target, since: `p.${since}` }).then(
                () => since,
                (error) => {
                  if (error instanceof Problem && error.code === "backup_point_missing")
                    return full();
                  throw error;
                },
              );
        const at: Instant = clock.now();
        const made = { id, at, virtualBytes, usedBytes: emptyFile };
        const backup: Backup = upon === undefined ? made : { ...made, since: upon };
        of(volume).set(id, backup);
        if (key !== undefined) locks.set(target.file, key);
        return backup;
      },
      list: async (volume) => [...of(volume).values()],
      async find(volume, id) {
        if (!of(volume).has(named(id))) throw backupNotFound(id);
        return { file: fileOf(volume, id), format: "qcow2" };
      },
      async check(volume, id) {
        if (!of(volume).has(named(id))) throw backupNotFound(id);
        const key = locks.get(fileOf(volume, id));
        const wrong = key === undefined ? undefined : whyNot(key, keys.get(volume));
        return wrong ? { is: "unknown", why: wrong.message } : { is: "sound" };
      },
      async remove(volume, id) {
        const backups = of(volume);
        const gone = backups.get(id);
        for (const child of gone ? [...backups.values()] : []) {
          if (child.since !== id) continue;
          const { since: _, ...rest } = child;
          backups.set(child.id, gone?.since === undefined ? rest : { ...rest, since: gone.since });
        }
        backups.delete(id);
        locks.delete(fileOf(volume, id));
      },
    };
  }
}
