/**
 * The answers to ../api.ts.
 *
 * Every change is one transaction with its rows in the journal and the news of it; only after the commit is this
 * manager's own look at the volumes asked for, because before it there is nothing to see.
 */

import { changeShares } from "@holdfast/cloud/access/edge";
import { beginCapture, findImageView } from "@holdfast/cloud/images/edge";
import type { Settings } from "@holdfast/cloud/settings";
import { insertTags, mustBeTagged } from "@holdfast/cloud/tags/edge";
import type {
  HostId,
  ImageId,
  InstanceId,
  MintId,
  ProjectId,
  VolumeId,
} from "@holdfast/kernel/ids";
import { type Caller, handle } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import { type Database, type Sql, unlessTaken } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import * as api from "../api.ts";
import { dropSchedule, putSchedule, removeBackup, restoreBackup, takeBackup } from "./backups.ts";
import { encryptAll, encryptsAll, type VolumeKeys } from "./keys.ts";
import { holdSnapshot, holdVolume } from "./lookup.ts";
import { nameTaken, type Rules } from "./refusals.ts";
import {
  captureSnapshot,
  copySnapshot,
  insertSnapshot,
  removeSnapshot,
  restoreSnapshot,
  volumeFromSnapshot,
} from "./snapshots.ts";
import type { Asker } from "./tasks.ts";
import {
  findBackupView,
  findScheduleView,
  findSnapshotView,
  findVolumeView,
  pageOfBackups,
  pageOfSchedules,
  pageOfSnapshots,
  pageOfVolumes,
  volumeView,
} from "./views.ts";
import {
  attach,
  type Changed,
  capture,
  check,
  detach,
  insertVolume,
  limit,
  remove,
  resize,
} from "./volumes.ts";

export interface VolumeRouteDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
  readonly self: string;
  readonly keys: VolumeKeys;
  readonly settings: () => Pick<
    Settings,
    | "volumes.default_pool"
    | "volumes.most"
    | "volumes.most_snapshots"
    | "volumes.most_disks"
    | "volumes.reserve"
    | "backups.place"
  >;
  /** Something of a volume has changed: look, and tell the hosts, those of newer wishes first. */
  readonly onChanged: (instances: readonly InstanceId[], hosts: readonly HostId[]) => void;
}

const tagsIn = (
  { project }: { readonly project: ProjectId },
  { tags = {} }: { readonly tags?: Readonly<Record<string, string>> | undefined },
) => ({ project, tags });

type Told = Omit<JournalRow, "at" | "actor" | "requestId" | "kind"> & Partial<JournalRow>;
interface Asked {
  readonly caller: Caller;
  readonly requestId: string;
}

/** What a change is given: where to write, for whom, and how to tell of it. */
interface Desk {
  readonly sql: Sql;
  readonly asker: Asker;
  readonly tell: (row: Told, hosts?: readonly HostId[]) => void;
}

const gib = 2 ** 30;

export function volumeRoutes({
  database,
  clock,
  mintId,
  self,
  keys,
  settings,
  onChanged,
}: VolumeRouteDeps) {
  /** For what is made anew: where it is asked for, and where the project wants it of everything. */
  const newKey = async (sql: Sql, project: ProjectId, wantEncrypted: boolean) =>
    wantEncrypted || (await encryptsAll(sql, project)) ? keys.make() : undefined;

  /** An image of what is held: its row first, and then the task that fills it. */
  function imageOf(
    request: Asked,
    project: ProjectId,
    name: string,
    hold: (desk: Desk) => Promise<{
      readonly of: VolumeId;
      readonly liesIn: VolumeId;
      readonly source: string;
      readonly begin: (image: ImageId) => Promise<void>;
    }>,
  ) {
    const id = mintId<"Image">();
    const taken = () => nameTaken("an image", name, `holdfast images delete ${name}`);
    return unlessTaken("image_by_name", taken, () =>
      change(request, async (desk) => {
        const { sql, asker, tell } = desk;
        const { of, liesIn, source, begin } = await hold(desk);
        await beginCapture(sql, {
          id,
          project,
          name,
          volume: liesIn,
          createdAt: asker.now,
          source,
        });
        await begin(id);
        tell({ subject: of, event: "command-capture", detail: { image: id, name } });
        const { whose: _, ...view } = await findImageView(sql, project, id);
        return view;
      }),
    );
  }

  /** Without a row there was nothing to change, and nothing is told. */
  async function change<T>(
    { caller, requestId }: Asked,
    work: (desk: Desk) => Promise<T>,
  ): Promise<T> {
    const { reply, isChanged, hosts } = await database.transaction(async (sql) => {
      const rows: JournalRow[] = [];
      const hosts = new Set<HostId>();
      const now = clock.now();
      const common = { at: now, kind: "volume", actor: caller.name, requestId } as const;
      const reply = await work({
        sql,
        asker: { now, actor: caller.name, requestId },
        tell(row, newer = []) {
          rows.push({ ...common, ...row });
          for (const host of newer) hosts.add(host);
        },
      });
      await appendJournal(sql, rows);
      if (rows.length > 0)
        await announce(sql, {
          ...{ from: self, volumes: true },
          ...(hosts.size > 0 ? { wishes: [...hosts] } : {}),
        });
      return { reply, isChanged: rows.length > 0, hosts: [...hosts] };
    });
    if (isChanged) onChanged([], hosts);
    return reply;
  }

  function rules(): Rules {
    const now = settings();
    return {
      reserve: now["volumes.reserve"],
      mostVolumes: now["volumes.most"],
      mostSnapshots: now["volumes.most_snapshots"],
      mostDisks: now["volumes.most_disks"],
      backupPlace: now["backups.place"],
    };
  }

  return {
    createVolume: handle(api.createVolume, (request) => {
      const { params, body } = request;
      const { name, sizeGiB, limits = { iops: null, bytesPerSecond: null } } = body;
      const id = mintId<"Volume">();
      return unlessTaken("volume_by_name", volumeTaken(name), () =>
        change(request, async ({ sql, asker, tell }) => {
          const pool = body.pool ?? settings()["volumes.default_pool"];
          const { project } = params;
          const key = await newKey(sql, project, body.encrypted);
          const volume = { id, project, name, bytes: sizeGiB * gib, pool, limits, key };
          await mustBeTagged(sql, project, body.tags ?? {});
          await insertVolume(sql, volume, rules(), asker);
          await insertTags(sql, [{ resource: id, kind: "volume", ...tagsIn(params, body) }]);
          tell({ subject: id, event: "created", detail: { name, sizeGiB, pool } });
          return volumeView(sql, id);
        }),
      );
    }),

    getVolumeEncryption: handle(api.getVolumeEncryption, async ({ params }) => ({
      everything: await encryptsAll(database, params.project),
    })),

    setVolumeEncryption: handle(
      api.setVolumeEncryption,
      async ({ params: { project }, body, caller, requestId }) => {
        await database.transaction(async (sql) => {
          const told = { at: clock.now(), actor: caller.name, requestId, detail: body };
          await encryptAll(sql, project, body.everything);
          await appendJournal(sql, [
            { kind: "access", subject: project, event: "volumeEncryptionSet", ...told },
          ]);
        });
        return body;
      },
    ),

    listVolumes: handle(api.listVolumes, ({ params, query }) =>
      pageOfVolumes(database, params.project, query),
    ),

    getVolume: handle(api.getVolume, ({ params }) =>
      findVolumeView(database, params.project, params.volume),
    ),

    attachVolume: handle(api.attachVolume, (request) =>
      unlessTaken("attachment_instance_id_slot_key", contended, () =>
        change(request, async ({ sql, asker, tell }) => {
          const { project, volume } = request.params;
          const done = await attach(sql, project, volume, request.body, rules(), asker);
          tellOf(done, "attach", tell, request.body);
          return findVolumeView(sql, project, volume);
        }),
      ),
    ),

    detachVolume: handle(api.detachVolume, (request) =>
      change(request, async ({ sql, tell }) => {
        const { project, volume } = request.params;
        tellOf(await detach(sql, project, volume), "detach", tell);
        return findVolumeView(sql, project, volume);
      }),
    ),

    resizeVolume: handle(api.resizeVolume, (request) =>
      change(request, async ({ sql, asker, tell }) => {
        const { project, volume } = request.params;
        const { sizeGiB } = request.body;
        const done = await resize(sql, project, volume, sizeGiB * gib, rules(), asker);
        tellOf(done, "resize", tell, { sizeGiB });
        return findVolumeView(sql, project, volume);
      }),
    ),

    limitVolume: handle(api.limitVolume, (request) =>
      change(request, async ({ sql, tell }) => {
        const { project, volume } = request.params;
        tellOf(await limit(sql, project, volume, request.body), "limit", tell, request.body);
        return findVolumeView(sql, project, volume);
      }),
    ),

    deleteVolume: handle(api.deleteVolume, (request) =>
      change(request, async ({ sql, tell }) => {
        const { project, volume } = request.params;
        const done = await remove(sql, project, volume);
        tellOf(done, "delete", tell);
        return volumeView(sql, done.volume.id);
      }),
    ),

    checkVolume: handle(api.checkVolume, (request) =>
      change(request, async ({ sql, asker, tell }) => {
        const { project, volume } = request.params;
        tellOf(await check(sql, project, volume, asker), "check", tell);
        return findVolumeView(sql, project, volume);
      }),
    ),

    createImageFrom: handle(api.createImageFrom, (request) => {
      const { params, body } = request;
      return imageOf(request, params.project, body.name, async ({ sql, asker }) => {
        const volume = await holdVolume(sql, params.project, params.volume);
        return {
          ...{ of: volume.id, liesIn: volume.id, source: `volume ${volume.name}` },
          begin: (image) =>
            capture(sql, volume, { image, name: mintId<"Snapshot">(), freeze: body.freeze }, asker),
        };
      });
    }),

    createSnapshot: handle(api.createSnapshot, (request) => {
      const { params, body } = request;
      const { name, freeze } = body;
      const id = mintId<"Snapshot">();
      return unlessTaken(
        "snapshot_project_id_name_key",
        () => nameTaken("a snapshot", name, `holdfast snapshots delete ${name}`),
        () =>
          change(request, async ({ sql, asker, tell }) => {
            const { project } = params;
            const wanted = { id, name, freeze };
            await mustBeTagged(sql, project, body.tags ?? {});
            const volume = await insertSnapshot(sql, project, body.volume, wanted, rules(), asker);
            await insertTags(sql, [{ resource: id, kind: "snapshot", ...tagsIn(params, body) }]);
            tell({ subject: volume.id, event: "command-snapshot", detail: { id, name } });
            return findSnapshotView(sql, project, id);
          }),
      );
    }),

    listSnapshots: handle(api.listSnapshots, ({ params, query }) =>
      pageOfSnapshots(database, params.project, query),
    ),

    getSnapshot: handle(api.getSnapshot, ({ params }) =>
      findSnapshotView(database, params.project, params.snapshot),
    ),

    restoreSnapshot: handle(api.restoreSnapshot, (request) =>
      change(request, async ({ sql, asker, tell }) => {
        const { project, snapshot: asked } = request.params;
        const fresh = mintId<"Volume">();
        const done = await restoreSnapshot(sql, project, asked, fresh, rules(), asker);
        const { volume, snapshot } = done;
        tellOf({ ...done, hosts: [] }, "restore", tell, { snapshot: snapshot.name });
        return volumeView(sql, volume.id);
      }),
    ),

    copySnapshot: handle(api.copySnapshot, (request) => {
      const { params, body } = request;
      const { name } = body;
      const fresh = { volume: mintId<"Volume">(), snapshot: mintId<"Snapshot">(), name };
      const taken = () => nameTaken("a snapshot", name, `holdfast snapshots delete ${name}`);
      return unlessTaken("volume_by_name", volumeTaken(name), () =>
        unlessTaken("snapshot_project_id_name_key", taken, () =>
          change(request, async ({ sql, asker, tell }) => {
            const { project } = params;
            await mustBeTagged(sql, project, body.tags ?? {});
            const key = await newKey(sql, project, body.encrypted);
            const wanted = { ...fresh, newKey: key };
            const from = await copySnapshot(sql, project, params.snapshot, wanted, rules(), asker);
            const tags = tagsIn(params, body);
            await insertTags(sql, [
              { resource: fresh.snapshot, kind: "snapshot", ...tags },
              { resource: fresh.volume, kind: "volume", ...tags },
            ]);
            const detail = { name, copyOf: from.name, id: fresh.snapshot };
            tell({ subject: fresh.volume, event: "created", detail });
            return findSnapshotView(sql, project, fresh.snapshot);
          }),
        ),
      );
    }),

    createVolumeFromSnapshot: handle(api.createVolumeFromSnapshot, (request) => {
      const { params, body } = request;
      const { name, sizeGiB, limits = { iops: null, bytesPerSecond: null } } = body;
      const id = mintId<"Volume">();
      return unlessTaken("volume_by_name", volumeTaken(name), () =>
        change(request, async ({ sql, asker, tell }) => {
          const { project } = params;
          const bytes = sizeGiB === undefined ? undefined : sizeGiB * gib;
          const key = await newKey(sql, project, body.encrypted);
          const wanted = { id, project, name, bytes, limits, newKey: key };
          await mustBeTagged(sql, project, body.tags ?? {});
          const { snapshot } = params;
          const from = await volumeFromSnapshot(sql, project, snapshot, wanted, rules(), asker);
          await insertTags(sql, [{ resource: id, kind: "volume", ...tagsIn(params, body) }]);
          tell({ subject: id, event: "created", detail: { name, sizeGiB, snapshot: from.name } });
          return volumeView(sql, id);
        }),
      );
    }),

    createImageFromSnapshot: handle(api.createImageFromSnapshot, (request) => {
      const { params, body } = request;
      return imageOf(request, params.project, body.name, async ({ sql, asker }) => {
        const held = await holdSnapshot(sql, params.project, params.snapshot);
        const { liesIn, name } = held.snapshot;
        return {
          ...{ of: held.volume.id, liesIn, source: `snapshot ${name}` },
          begin: (image) => captureSnapshot(sql, held, image, asker),
        };
      });
    }),

    shareSnapshot: handle(api.shareSnapshot, (request) =>
      change(request, async ({ sql, tell }) => {
        const { params, body } = request;
        const { snapshot } = await holdSnapshot(sql, params.project, params.snapshot);
        const { id, name, volume } = snapshot;
        await changeShares(sql, params.project, { noun: "snapshot", id }, body);
        tell({ subject: volume, event: "command-share-snapshot", detail: { id, name, ...body } });
        return findSnapshotView(sql, params.project, id);
      }),
    ),

    deleteSnapshot: handle(api.deleteSnapshot, (request) =>
      change(request, async ({ sql, asker, tell }) => {
        const { project, snapshot: asked } = request.params;
        const view = await findSnapshotView(sql, project, asked); // What was made nowhere is gone at once.
        const { snapshot, isNew } = await removeSnapshot(sql, project, asked, asker);
        const { id, name, volume } = snapshot;
        if (isNew)
          tell({ subject: volume, event: "command-delete-snapshot", detail: { id, name } });
        return { ...view, state: "deleting" as const };
      }),
    ),

    createBackup: handle(api.createBackup, (request) =>
      change(request, async ({ sql, asker, tell }) => {
        const { project } = request.params;
        const { volume: asked, full: isFull } = request.body;
        const id = mintId<"Backup">();
        const volume = await takeBackup(sql, project, asked, { id, isFull }, rules(), asker);
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

/** In the timeline of the volume, and of its instance: that is where people look for a disk that has gone. */
function tellOf(
  done: Changed | undefined,
  verb: string,
  tell: Desk["tell"],
  more: Readonly<Record<string, unknown>> = {},
): void {
  if (!done) return;
  const { volume, instance, hosts } = done;
  const detail = { ...more, volume: volume.name };
  tell({ subject: volume.id, event: `command-${verb}`, detail }, hosts);
  if (!instance) return;
  const event = `volume${verb.slice(0, 1).toUpperCase()}${verb.slice(1)}`;
  tell({ kind: "instance", subject: instance, event, detail });
}

const volumeTaken = (name: string) => () =>
  nameTaken("a volume", name, `holdfast volumes delete ${name}`);

/** Held rows make that impossible. */
const contended = () => new Error("two disks were given one slot");

function only<T>(one: T | undefined): T {
  if (one === undefined) throw new Error("what was written a moment ago is gone");
  return one;
}
