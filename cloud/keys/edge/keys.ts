/** Keys as rows. */
import { tagsOf } from "@holdfast/cloud/tags/edge";
import type { ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, byName, readPage } from "@holdfast/store/pages";
import type { KeyView } from "../api.ts";
import type { PublicKey } from "./public-key.ts";

const select = (
  from = "ssh_key k",
) => `select k.id, k.name, k.public_key as "publicKey", k.fingerprint,
    k.created_at as "createdAt", ${tagsOf("k.id")} as tags from ${from}`;

/** By name. Rejects with `cursor_not_valid`. */
export async function pageOfKeys(
  sql: Sql,
  project: ProjectId,
  page: AskedPage,
): Promise<{ keys: KeyView[]; next: string | null }> {
  const { items, next } = await readPage<KeyView>(
    sql,
    {
      name: `keys ${project}`,
      from: "ssh_key k",
      where: [["k.project_id = ?", project]],
      by: byName("k.name"),
      show: select,
    },
    page,
  );
  return { keys: items, next };
}

/** Breaks `ssh_key_project_id_name_key` if the name is taken. */
export async function insertKey(
  sql: Sql,
  project: ProjectId,
  id: string,
  name: string,
  { line, fingerprint }: PublicKey,
  createdAt: Instant,
): Promise<void> {
  await sql.query(
    `insert into ssh_key (id, project_id, name, public_key, fingerprint, created_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [id, project, name, line, fingerprint, iso(createdAt)],
  );
}

/** By name or id. Rejects with `key_not_found`. */
export async function findKeyView(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<KeyView> {
  const [key] = await findKeys(sql, project, [nameOrId]);
  if (key) return key;
  throw keyNotFound(nameOrId);
}

export async function removeKey(sql: Sql, id: string): Promise<void> {
  await sql.query("delete from ssh_key where id = $1", [id]);
}

/** In the order in which they were named. Rejects with `key_not_found`. */
export async function findKeys(
  sql: Sql,
  project: ProjectId,
  namesOrIds: readonly string[],
): Promise<readonly KeyView[]> {
  if (namesOrIds.length === 0) return [];
  const rows = await sql.query<KeyView>(
    `${select()} where k.project_id = $1 and (k.name = any($2) or k.id = any(as_uuids($2)))`,
    [project, namesOrIds],
  );
  return [...new Set(namesOrIds)].map((asked) => {
    const row = rows.find(({ id, name }) => name === asked || id === asked);
    if (!row) throw keyNotFound(asked);
    return row;
  });
}

const keyNotFound = (name: string) =>
  problem("not_found", "key_not_found", `There is no key ${name}.`, {
    fix: "See them: holdfast keypairs",
  });
