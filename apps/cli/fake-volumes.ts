/**
 * The routes of volumes for the tests of the command line: one volume with a snapshot, a backup and a schedule.
 *
 * A fake of the answers and not of the rules; those are tested where they are.
 */
import type { ImageView } from "@holdfast/cloud/images/api";
import * as volumes from "@holdfast/cloud/volumes/api";
import { problem } from "@holdfast/kernel/problem";
import { type Handler, handle } from "@holdfast/kernel/route";

const gib = 2 ** 30;

const aVolume = (moment: number, change: Partial<volumes.VolumeView> = {}): volumes.VolumeView => ({
  id: "0197a000-0000-7000-8000-000000000201",
  name: "data",
  project: "default",
  kind: "data",
  state: "ready",
  sizeBytes: 20 * gib,
  actualBytes: 20 * gib,
  pool: "local",
  host: "h1",
  limits: { iops: 500, bytesPerSecond: null },
  instance: "web",
  slot: 1,
  deleteWithInstance: false,
  encrypted: false,
  deleteWithSnapshots: false,
  attachment: "attached",
  problem: null,
  doing: [],
  snapshots: 1,
  backups: 1,
  schedule: null,
  fromSnapshot: null,
  fromBackup: null,
  checked: null,
  tags: {},
  createdAt: moment - 7_200_000,
  ...change,
});

const aSnapshot = (
  moment: number,
  change: Partial<volumes.SnapshotView> = {},
): volumes.SnapshotView => ({
  id: "0197a000-0000-7000-8000-000000000202",
  name: "before",
  project: "default",
  volume: "data",
  volumeId: "0197a000-0000-7000-8000-000000000201",
  state: "ready",
  encrypted: false,
  sizeBytes: 20 * gib,
  guest: "frozen",
  problem: null,
  createdAt: moment - 300_000,
  madeAt: moment - 299_000,
  tags: {},
  sharedWith: [],
  ...change,
});

const aBackup = (moment: number, change: Partial<volumes.BackupView> = {}): volumes.BackupView => ({
  id: "0197a000-0000-7000-8000-000000000203",
  project: "default",
  volume: "data",
  volumeId: "0197a000-0000-7000-8000-000000000201",
  state: "ready",
  encrypted: true,
  sizeBytes: 20 * gib,
  usedBytes: 3 * gib,
  since: null,
  isScheduled: true,
  problem: null,
  createdAt: moment - 3_600_000,
  madeAt: moment - 3_500_000,
  ...change,
});

const aSchedule = (
  moment: number,
  change: Partial<volumes.ScheduleView> = {},
): volumes.ScheduleView => ({
  volume: "data",
  volumeId: "0197a000-0000-7000-8000-000000000201",
  everyMinutes: 60,
  keep: { hourly: 24, daily: 7, weekly: 4 },
  nextAt: moment + 600_000,
  lastAt: moment - 3_000_000,
  ...change,
});

export function volumeHandlers(moment: number, image: ImageView): readonly Handler[] {
  const isEmpty = (project: string) => project === "blue";
  const known = (name: string, change: Partial<volumes.VolumeView> = {}) => {
    if (["data", "web", "web.root", aVolume(moment).id].includes(name))
      return aVolume(moment, change);
    throw problem("not_found", "volume_not_found", `There is no volume ${name}.`, {
      fix: "See them: holdfast volumes",
    });
  };
  const busy = { do: "restore", since: moment, deadline: null, by: "operator" } as const;
  const doing = [{ ...busy, host: "h1", attempts: 0, problem: null }];
  return [
    handle(volumes.listVolumes, async ({ params }) => ({
      volumes: isEmpty(params.project) ? [] : [aVolume(moment)],
      next: null,
    })),
    handle(volumes.getVolumeEncryption, async () => ({ everything: false })),
    handle(volumes.setVolumeEncryption, async ({ body }) => body),
    handle(volumes.getVolume, async ({ params }) => known(params.volume)),
    handle(volumes.createVolume, async ({ body }) =>
      aVolume(moment, {
        ...{ name: body.name, sizeBytes: body.sizeGiB * gib, state: "allocated", host: null },
        encrypted: body.encrypted,
        ...{ instance: null, slot: null, attachment: null },
      }),
    ),
    handle(volumes.attachVolume, async ({ params, body }) =>
      known(params.volume, { instance: body.instance, attachment: "waiting" }),
    ),
    handle(volumes.detachVolume, async ({ params }) =>
      known(params.volume, { attachment: "detaching" }),
    ),
    handle(volumes.resizeVolume, async ({ params, body }) =>
      known(params.volume, { sizeBytes: body.sizeGiB * gib }),
    ),
    handle(volumes.limitVolume, async ({ params, body }) => known(params.volume, { limits: body })),
    handle(volumes.deleteVolume, async ({ params }) =>
      known(params.volume, { state: "expunging" }),
    ),
    handle(volumes.checkVolume, async ({ params }) =>
      known(params.volume, {
        checked: { is: "damaged", why: "its file was cut short", at: moment },
      }),
    ),
    handle(volumes.createImageFrom, async ({ params, body }) => {
      known(params.volume);
      return { ...image, name: body.name, state: "importing" as const };
    }),
    handle(volumes.listSnapshots, async ({ params }) => ({
      snapshots: isEmpty(params.project) ? [] : [aSnapshot(moment)],
      next: null,
    })),
    handle(volumes.getSnapshot, async () => aSnapshot(moment, { name: "later" })),
    handle(volumes.createSnapshot, async ({ body }) =>
      aSnapshot(moment, { ...{ name: body.name, guest: null }, state: "making" }),
    ),
    handle(volumes.shareSnapshot, async ({ body }) => aSnapshot(moment, { sharedWith: body.add })),
    handle(volumes.restoreSnapshot, async () => aVolume(moment, { doing })),
    handle(volumes.deleteSnapshot, async ({ query }) => ({
      ...aSnapshot(moment, { state: "deleting" }),
      isForgotten: query.force,
    })),
    handle(volumes.listBackups, async ({ params }) => ({
      backups: isEmpty(params.project) ? [] : [aBackup(moment)],
      next: null,
    })),
    handle(volumes.getBackup, async () =>
      aBackup(moment, {
        state: "failed",
        problem: {
          ...{ kind: "unavailable", code: "backup_place_missing" },
          message: "The place for backups is not there.",
        },
      }),
    ),
    handle(volumes.createBackup, async ({ body }) => {
      known(body.volume);
      return aBackup(moment, { ...{ usedBytes: null, isScheduled: false }, state: "making" });
    }),
    handle(volumes.restoreBackup, async ({ body }) =>
      aVolume(moment, { doing, name: body.name ?? "data" }),
    ),
    handle(volumes.deleteBackup, async () => aBackup(moment, { state: "deleting" })),
    handle(volumes.scheduleBackups, async ({ params, body }) => {
      known(params.volume);
      return aSchedule(moment, body);
    }),
    handle(volumes.listSchedules, async () => ({ schedules: [aSchedule(moment)], next: null })),
    handle(volumes.stopSchedule, async () => aSchedule(moment)),
  ];
}
