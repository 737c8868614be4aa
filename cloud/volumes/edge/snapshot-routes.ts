/** The answers to ../api/snapshots.ts. */
import { changeShares } from "@holdfast/cloud/access/edge";
import { insertTags, mustBeTagged } from "@holdfast/cloud/tags/edge";
import { handle } from "@holdfast/kernel/route";
import { unlessTaken } from "@holdfast/store/database";
import * as api from "../api.ts";
import { type Changes, gib, tagsIn, tellOf, type VolumeRouteDeps, volumeTaken } from "./desk.ts";
import { holdSnapshot } from "./lookup.ts";
import { nameTaken } from "./refusals.ts";
import {
  captureSnapshot,
  copySnapshot,
  insertSnapshot,
  removeSnapshot,
  restoreSnapshot,
  volumeFromSnapshot,
} from "./snapshots.ts";
import { findSnapshotView, pageOfSnapshots, volumeView } from "./views.ts";

export function routesOfSnapshots(
  { database, mintId, keys }: VolumeRouteDeps,
  { change, imageOf, newKey, mustOpen, rules }: Changes,
) {
  return {
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
            await mustOpen(sql, volume.id);
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
        await mustOpen(sql, snapshot.liesIn);
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
            await mustOpen(sql, from.liesIn);
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
          await mustOpen(sql, from.liesIn);
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
        const how = { keys, isForced: request.query.force };
        const removed = await removeSnapshot(sql, project, asked, how, asker);
        const { snapshot, isNew, isForgotten } = removed;
        const { id, name, volume } = snapshot;
        const detail = { id, name, ...(isForgotten ? { isForgotten } : {}) };
        if (isNew) tell({ subject: volume, event: "command-delete-snapshot", detail });
        return { ...view, state: "deleting" as const, isForgotten };
      }),
    ),
  };
}
