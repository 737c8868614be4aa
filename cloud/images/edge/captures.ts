/**
 * Images that a host makes from a volume. They are `importing` until it has sent the disk, and nobody else may
 * send anything for them.
 */
import { mustFit } from "@holdfast/cloud/quotas/edge";
import type { ImageId, InstanceId, ProjectId, VolumeId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { Manifest } from "../core/manifest.ts";

export interface Capture {
  readonly id: ImageId;
  readonly project: ProjectId;
  readonly name: string;
  readonly source: string;
  /** Whose image says how it boots and what it needs. */
  readonly volume: VolumeId;
  readonly createdAt: Instant;
}

/** Breaks `image_by_name` if the name is taken. */
export async function beginCapture(
  sql: Sql,
  { id, project, name, source, volume, createdAt }: Capture,
): Promise<void> {
  await mustFit(sql, project, { images: 1 });
  await sql.query(
    `insert into image (id, project_id, name, state, source, import, created_at, key_id)
     select $1, $2, $3, 'importing', $4, jsonb_build_object('captured', true, 'parent', m.manifest), $6::timestamptz, v.key_id
     from volume v left join image m on m.id = v.image_id where v.id = $5`,
    [id, project, name, source, volume, iso(createdAt)],
  );
}

/** With the least memory that any image is tried with, where nothing is known of how it boots. */
const unknown = { saysReady: false, smallestMemoryMiB: 128 };

/** Returns the instances that waited for it. An image that is not waiting any more stays as it is. */
export async function finishCapture(
  sql: Sql,
  id: ImageId,
  { digest, virtualBytes }: { readonly digest: string; readonly virtualBytes: number },
  now: Instant,
): Promise<readonly InstanceId[]> {
  const [image] = await sql.query<{ parent: object | null }>(
    `select import->'parent' as parent from image where id = $1 and state = 'importing' for update`,
    [id],
  );
  if (!image) return [];
  const disk = { digest, format: "qcow2", virtualBytes };
  const manifest = Manifest.parse({ ...unknown, ...image.parent, disk });
  await sql.query("update image set state = 'ready', manifest = $2 where id = $1", [
    id,
    JSON.stringify(manifest),
  ]);
  const entry = { at: now, kind: "image", subject: id, event: "captured" } as const;
  await appendJournal(sql, [
    { ...entry, actor: "holdfast", from: "importing", to: "ready", detail: manifest },
  ]);
  const rows = await sql.query<{ id: InstanceId }>(
    "select id from instance where image_id = $1 and not is_expunged and state = 'provisioning'",
    [id],
  );
  return rows.map((row) => row.id);
}
