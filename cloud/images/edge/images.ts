/** Images as rows. */
import { sharedWith, sharesWith } from "@holdfast/cloud/access/edge";
import { tagsOf } from "@holdfast/cloud/tags/edge";
import type { ImageId, ProjectId, VolumeKeyId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { isText, isUuid } from "@holdfast/store/cursor";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, readPage } from "@holdfast/store/pages";
import type { ImageView } from "../api.ts";
import { Manifest } from "../core/manifest.ts";

export interface ImageRecord {
  readonly id: ImageId;
  readonly name: string;
  readonly state: ImageView["state"];
  readonly manifest: Manifest | undefined;
  /** Of one that is encrypted, sealed: also what is made of it is opened with it. */
  readonly key?: { readonly id: VolumeKeyId; readonly sealed: string };
}

const columns = `i.id, i.name, p.name as project, i.state, i.source, i.manifest,
  (i.manifest->'disk'->>'virtualBytes')::bigint as bytes, i.key_id is not null as encrypted, i.problem,
  coalesce(i.warm, (i.manifest->>'warm')::boolean, false) as warm, i.created_at as "createdAt",
  ${tagsOf("i.id")} as tags, i.project_id as "projectId",
  ${sharedWith("image", "i.id")} as "sharedWith"`;

type Row = ImageView & { readonly projectId: ProjectId | null };
/** Of everybody, of the project, or shared with it by the one that it belongs to. */
export type Whose = "own" | "everybody" | "another";

/** What its owner says of an image is for its owner. */
function seenBy(project: ProjectId, { projectId, ...view }: Row): ImageView {
  return projectId === project ? view : { ...view, tags: {}, sharedWith: [] };
}

/** For queries: the images `i` that this project may use. One that is shared may be used once it is whole. */
export const mayUse = (project: string) => `(i.project_id = ${project} or i.project_id is null
  or i.state = 'ready' and i.id = any(${sharesWith("image", project)}))`;

/**
 * Those of the project and those for everybody; its own first where both have the name. One that is shared with it is
 * found by its id alone: whoever shares one could call it what somebody else's is called.
 */
export async function findImageView(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<ImageView & { readonly whose: Whose }> {
  const [row] = await sql.query<Row>(
    `select ${columns} from image i left join project p on p.id = i.project_id
     where ${mayUse("$1")} and i.state <> 'deleted'
       and (i.name = $2 and (i.project_id = $1 or i.project_id is null) or i.id = as_uuid($2))
     order by i.project_id = $1 desc nulls last limit 1`,
    [project, nameOrId],
  );
  if (row) {
    const { projectId } = row;
    const whose = projectId === null ? "everybody" : projectId === project ? "own" : "another";
    return { ...seenBy(project, row), whose };
  }
  throw problem("not_found", "image_not_found", `There is no image ${nameOrId}.`, {
    fix: "See them: holdfast images",
  });
}

/** For starting from it. Rejects with `image_not_found`, or `image_not_ready` when its import failed. */
export async function findImage(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<ImageRecord> {
  const { id, name, state, manifest, encrypted } = await findImageView(sql, project, nameOrId);
  if (state === "failed")
    throw problem("conflict", "image_not_ready", `The import of ${name} has failed.`, {
      fix: `See why: holdfast images show ${name}`,
    });
  const parsed = manifest ? Manifest.parse(manifest) : undefined;
  const [row] = encrypted
    ? await sql.query<NonNullable<ImageRecord["key"]>>(
        "select k.id, k.sealed from image i join volume_key k on k.id = i.key_id where i.id = $1",
        [id],
      )
    : [];
  const key = row ? { key: row } : {};
  return { id: id as ImageId, name, state, manifest: parsed, ...key }; // A view's id is plain text.
}

/** Those that a project may use, by name. Rejects with `cursor_not_valid`. */
export async function pageOfImages(
  sql: Sql,
  project: ProjectId,
  page: AskedPage,
): Promise<{ items: ImageView[]; next: string | null }> {
  const { items, next } = await readPage<Row>(
    sql,
    {
      name: `images ${project}`,
      from: "image i",
      where: [[mayUse("?"), project], ["i.state <> 'deleted'"]],
      by: {
        columns: ["i.name", "i.id"],
        keyOf: ({ name, id }) => [name, id],
        isKey: ([name, id]) => isText(name) && isUuid(id),
      },
      show: (found) => `select ${columns} from ${found} left join project p on p.id = i.project_id`,
    },
    page,
  );
  return { items: items.map((row) => seenBy(project, row)), next };
}
