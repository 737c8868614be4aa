/** Copies of images: other names for the same bytes, which stay for as long as any image consists of them. */
import { mustFit } from "@holdfast/cloud/quotas/edge";
import type { ImageId, ProjectId, VolumeKeyId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";

export interface Copy {
  readonly id: ImageId;
  readonly project: ProjectId;
  readonly name: string;
  /** One that the project may use. */
  readonly from: { readonly id: string; readonly name: string };
  readonly createdAt: Instant;
  /** Of what is made of it, if the other one has none. */
  readonly key: VolumeKeyId | undefined;
}

/**
 * The other one is held until this is written: who deletes it meanwhile finds the copy, and leaves the bytes. Rejects with
 * `image_not_ready` and `quota_exceeded`; breaks `image_by_name` if the name is taken.
 */
export async function insertCopy(
  sql: Sql,
  { id, project, name, from, createdAt, key }: Copy,
): Promise<void> {
  await mustFit(sql, project, { images: 1 });
  const [held] = await sql.query("select from image where id = $1 and state = 'ready' for share", [
    from.id,
  ]);
  if (!held)
    throw problem("conflict", "image_not_ready", `${from.name} has no content so far.`, {
      fix: `Wait for it: holdfast images show ${from.name}`,
    });
  await sql.query(
    `insert into image (id, project_id, name, state, source, manifest, warm, created_at, key_id)
     select $1, $2, $3, state, $5, manifest, warm, $6, coalesce(key_id, $7) from image where id = $4`,
    [id, project, name, from.id, `copy of ${from.name}`, iso(createdAt), key ?? null],
  );
}
