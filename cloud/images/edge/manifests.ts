/** The manifests of images that are ready. They never change, so each is read once. */
import type { ImageId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { Manifest } from "../core/manifest.ts";

export interface ManifestSource {
  /** Those of the asked for that are ready. */
  manifests(sql: Sql, ids: readonly ImageId[]): Promise<ReadonlyMap<ImageId, Manifest>>;
}

export function manifestCache(): ManifestSource {
  const known = new Map<ImageId, Manifest>();
  return {
    async manifests(sql, ids) {
      const fresh = ids.filter((id) => !known.has(id));
      if (fresh.length > 0) {
        const rows = await sql.query<{ id: ImageId; manifest: unknown }>(
          "select id, manifest from image where id = any($1) and manifest is not null",
          [fresh],
        );
        for (const { id, manifest } of rows) known.set(id, Manifest.parse(manifest));
      }
      return known;
    },
  };
}
