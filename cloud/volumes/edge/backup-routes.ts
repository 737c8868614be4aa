/** The answers to ../api/backups.ts. */
import { handle } from "@holdfast/kernel/route";
import { unlessTaken } from "@holdfast/store/database";
import * as api from "../api.ts";
import { dropSchedule, putSchedule, removeBackup, restoreBackup, takeBackup } from "./backups.ts";
import { type Changes, type VolumeRouteDeps, volumeTaken } from "./desk.ts";
import { holdVolume } from "./lookup.ts";
import {
  findBackupView,
  findScheduleView,
  pageOfBackups,
  pageOfSchedules,
  volumeView,
} from "./views.ts";

export function routesOfBackups(
  { database, mintId }: VolumeRouteDeps,
  { change, newKey, mustOpen, rules }: Changes,
) {
  return {
    createBackup: handle(api.createBackup, (request) =>
      change(request, async ({ sql, asker, tell }) => {
        const { project } = request.params;
        const { volume: asked, full: isFull } = request.body;
        const id = mintId<"Backup">();
        const volume = await takeBackup(sql, project, asked, { id, isFull }, rules(), asker);
        await mustOpen(sql, volume.id);
        tell({ subject: volume.id, event: "command-backup", detail: { id, isFull } });
        return findBackupView(sql, project, id);
      }),
    ),

    listBackups: handle(api.listBackups, ({ params, query }) =>
      pageOfBackups(database, params.project, query),
    ),

    getBackup: handle(api.getBackup, ({ params }) =>
      findBackupView(database, params.project, params.backup),
    ),

    restoreBackup: handle(api.restoreBackup, (request) => {
      const { name, pool, tags = {} } = request.body;
      return unlessTaken("volume_by_name", volumeTaken(name ?? ""), () =>
        change(request, async ({ sql, asker, tell }) => {
          const { project, backup: asked } = request.params;
          const key = await newKey(sql, project, request.body.encrypted);
          const to = { fresh: mintId<"Volume">(), name, pool, tags, newKey: key };
          const done = await restoreBackup(sql, project, asked, to, rules(), asker);
          const { volume, instance, backup } = done;
          await mustOpen(sql, backup.liesIn);
          const detail = { backup: backup.id, name };
          tell({ subject: volume, event: "command-restore", detail });
          if (instance)
            tell({ kind: "instance", subject: instance, event: "volumeRestore", detail });
          return volumeView(sql, volume);
        }),
      );
    }),

    deleteBackup: handle(api.deleteBackup, (request) =>
      change(request, async ({ sql, asker, tell }) => {
        const { project, backup: asked } = request.params;
        const { backup, isNew } = await removeBackup(sql, project, asked, asker);
        const { id, volume } = backup;
        if (isNew) tell({ subject: volume, event: "command-delete-backup", detail: { id } });
        return findBackupView(sql, project, id);
      }),
    ),

    scheduleBackups: handle(api.scheduleBackups, (request) =>
      change(request, async ({ sql, asker, tell }) => {
        const { params, body } = request;
        const { project, volume: asked } = params;
        const volume = await putSchedule(sql, project, asked, body, rules(), asker);
        tell({ subject: volume.id, event: "backupsScheduled", detail: body });
        return only(await findScheduleView(sql, volume.id));
      }),
    ),

    listSchedules: handle(api.listSchedules, ({ params, query }) =>
      pageOfSchedules(database, params.project, query),
    ),

    stopSchedule: handle(api.stopSchedule, (request) =>
      change(request, async ({ sql, tell }) => {
        const { project, volume: asked } = request.params;
        const { id } = await holdVolume(sql, project, asked);
        const view = await findScheduleView(sql, id);
        await dropSchedule(sql, project, asked);
        tell({ subject: id, event: "backupsUnscheduled" });
        return only(view);
      }),
    ),
  };
}

function only<T>(one: T | undefined): T {
  if (one === undefined) throw new Error("what was written a moment ago is gone");
  return one;
}
