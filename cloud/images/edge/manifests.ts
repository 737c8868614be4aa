/**
 * The manifests of images that are ready. What they consist of never changes; whether their guests may start warm
 * is said at any time, so each is read again after a while.
 */
import type { ImageId } from "@holdfast/kernel/ids";
import { after, type Clock, minutes } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { Manifest } from "../core/manifest.ts";

export interface ManifestSource {
  /** Those of the asked for that are ready. */
  manifests(sql: Sql, ids: readonly ImageId[]): Promise<ReadonlyMap<ImageId, Manifest>>;
}

const readAgainAfter = minutes(1);

export function manifestCache(clock: Clock): ManifestSource {
  const known = new Map<ImageId, Manifest>();
  let readAgain = after(clock.now(), readAgainAfter);
  return {
    async manifests(sql, ids) {
      if (clock.now() >= readAgain) {
        known.clear();
        readAgain = after(clock.now(), readAgainAfter);
      }
      const fresh = ids.filter((id) => !known.has(id));
      if (fresh.length > 0) {
        const rows = await sql.query<{ id: ImageId; manifest: unknown }>(
          `select id, manifest || case when warm is null then '{}' else jsonb_build_object('warm', warm) end as manifest
           from image where id = any($1) and manifest is not null`,
          [fresh],
        );
        for (const { id, manifest } of rows) known.set(id, Manifest.parse(manifest));
      }
      return new Map(known);
    },
  };
}
