/** Images as rows. */
import { tagsOf } from "@holdfast/cloud/tags/edge";
import type { ImageId, ProjectId } from "@holdfast/kernel/ids";
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
}

const columns = `i.id, i.name, p.name as project, i.state, i.source, i.manifest,
  (i.manifest->'disk'->>'virtualBytes')::bigint as bytes, i.problem,
  coalesce(i.warm, (i.manifest->>'warm')::boolean, false) as warm, i.created_at as "createdAt",
  ${tagsOf("i.id")} as tags`;

/** Those of the project and those for everybody; its own first where both have the name. */
export async function findImageView(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<ImageView & { readonly isShared: boolean }> {
  const [row] = await sql.query<ImageView & { isShared: boolean }>(
    `select ${columns}, i.project_id is null as "isShared" from image i left join project p on p.id = i.project_id
     where (i.project_id = $1 or i.project_id is null) and i.state <> 'deleted'
       and (i.name = $2 or i.id = as_uuid($2))
     order by i.project_id nulls last limit 1`,
    [project, nameOrId],
  );
  if (row) return row;
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
  const { id, name, state, manifest } = await findImageView(sql, project, nameOrId);
  if (state === "failed")
    throw problem("conflict", "image_not_ready", `The import of ${name} has failed.`, {
      fix: `See why: holdfast images show ${name}`,
    });
  const parsed = manifest ? Manifest.parse(manifest) : undefined;
  return { id: id as ImageId, name, state, manifest: parsed }; // A view's id is plain text.
}

/** Those of the project and those for everybody, by name. Rejects with `cursor_not_valid`. */
export function pageOfImages(
  sql: Sql,
  project: ProjectId,
  page: AskedPage,
): Promise<{ items: ImageView[]; next: string | null }> {
  return readPage<ImageView>(
    sql,
    {
      name: `images ${project}`,
      from: "image i",
      where: [["(i.project_id = ? or i.project_id is null)", project], ["i.state <> 'deleted'"]],
      by: {
        columns: ["i.name", "i.id"],
        keyOf: ({ name, id }) => [name, id],
        isKey: ([name, id]) => isText(name) && isUuid(id),
      },
      show: (found) => `select ${columns} from ${found} left join project p on p.id = i.project_id`,
    },
    page,
  );
}
