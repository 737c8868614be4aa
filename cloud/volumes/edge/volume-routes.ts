/** The answers to ../api/volumes.ts and ../api/encryption.ts. */
import { insertTags, mustBeTagged } from "@holdfast/cloud/tags/edge";
import { handle } from "@holdfast/kernel/route";
import { unlessTaken } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import * as api from "../api.ts";
import { type Changes, gib, tagsIn, tellOf, type VolumeRouteDeps, volumeTaken } from "./desk.ts";
import { encryptAll, encryptsAll } from "./keys.ts";
import { holdVolume } from "./lookup.ts";
import { findVolumeView, pageOfVolumes, volumeView } from "./views.ts";
import { attach, capture, check, detach, insertVolume, limit, remove, resize } from "./volumes.ts";

export function routesOfVolumes(
  { database, clock, mintId, settings }: VolumeRouteDeps,
  { change, imageOf, newKey, rules }: Changes,
) {
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
  };
}

/** Held rows make that impossible. */
const contended = () => new Error("two disks were given one slot");
