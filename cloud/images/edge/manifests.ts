/**
 * The manifests of images that are ready. What they consist of never changes; whether their guests may start warm
 * is said at any time. Whoever hears of it has all forgotten; as news may be lost, each is read again after a while anyway.
 */
import type { ImageId } from "@holdfast/kernel/ids";
import { after, type Clock, minutes } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { Manifest } from "../core/manifest.ts";

export interface ManifestSource {
  /** Those of the asked for that are ready. */
  manifests(sql: Sql, ids: readonly ImageId[]): Promise<ReadonlyMap<ImageId, Manifest>>;
}

export interface ManifestCache extends ManifestSource {
  /** Something else has been said of one. */
  forget(): void;
}

/** SQL for the manifest of an image, with what was said since of its guests' warmth; null where it has none yet. */
export const manifestOf = (image: string) =>
  `${image}.manifest || case when ${image}.warm is null then '{}' else jsonb_build_object('warm', ${image}.warm) end`;

const readAgainAfter = minutes(1);

export function manifestCache(clock: Clock): ManifestCache {
  const known = new Map<ImageId, Manifest>();
  let readAgain = after(clock.now(), readAgainAfter);
  /** How often all were forgotten: what was read before that is not kept after it. */
  let forgotten = 0;
  const forget = () => {
    known.clear();
    forgotten++;
  };
  return {
    async manifests(sql, ids) {
      if (clock.now() >= readAgain) {
        forget();
        readAgain = after(clock.now(), readAgainAfter);
      }
      const found = new Map(known);
      const fresh = ids.filter((id) => !found.has(id));
      const before = forgotten;
      if (fresh.length > 0) {
        const rows = await sql.query<{ id: ImageId; manifest: unknown }>(
          `select id, ${manifestOf("i")} as manifest from image i where id = any($1) and manifest is not null`,
          [fresh],
        );
        for (const { id, manifest: row } of rows) {
          const manifest = Manifest.parse(row);
          found.set(id, manifest);
          if (forgotten === before) known.set(id, manifest);
        }
      }
      return found;
    },
    forget,
  };
}
