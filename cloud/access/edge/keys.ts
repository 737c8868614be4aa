/** Access keys as rows. A key that is revoked keeps its row, so that the audit log can say whose it was. */
import type { AccountId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { KeyView } from "../api.ts";
import type { KeySecret } from "./credentials.ts";
import type { Seal } from "./seal.ts";

/** Enough for one in each place that needs one; a program that makes keys in a loop stops here. */
const mostKeys = 100;

const select = `select k.id as "accessKey", k.name, a.name as account, p.name as project,
    k.created_at as "createdAt", k.expires_at as "expiresAt", k.last_used_at as "lastUsedAt",
    k.last_used_from as "lastUsedFrom"
  from access_key k join account a on a.id = k.account_id left join project p on p.id = k.project_id
  where k.account_id = $1 and k.revoked_at is null`;

export async function listKeyViews(sql: Sql, account: AccountId): Promise<KeyView[]> {
  return [...(await sql.query<KeyView>(`${select} order by k.created_at, k.id`, [account]))];
}

export interface NewKey {
  readonly key: KeySecret;
  readonly account: AccountId;
  readonly name: string;
  readonly only: ProjectId | undefined;
  readonly createdAt: Instant;
  readonly expiresAt: Instant | undefined;
}

/** Rejects with `too_many_keys`. */
export async function insertKey(sql: Sql, seal: Seal, made: NewKey): Promise<KeyView> {
  const { key, account, name, only, createdAt, expiresAt } = made;
  await sql.query("select from account where id = $1 for update", [account]); // Two at once are counted one by one.
  const [row] = await sql.query<{ count: number }>(
    "select count(*)::int as count from access_key where account_id = $1 and revoked_at is null",
    [account],
  );
  if ((row?.count ?? 0) >= mostKeys)
    throw problem("exhausted", "too_many_keys", `This account has ${mostKeys} access keys.`, {
      fix: "Revoke those that nobody uses: holdfast keys, holdfast keys revoke KEY",
    });
  await sql.query(
    `insert into access_key (id, account_id, name, sealed, project_id, created_at, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [
      ...[key.id, account, name, seal.close(key.secret, key.id), only ?? null, iso(createdAt)],
      expiresAt === undefined ? null : iso(expiresAt),
    ],
  );
  return findKeyView(sql, account, key.id);
}

/** Of this account. Rejects with `access_key_not_found`, also for one that is revoked. */
export async function findKeyView(sql: Sql, account: AccountId, id: string): Promise<KeyView> {
  const [view] = await sql.query<KeyView>(`${select} and k.id = $2`, [account, id]);
  if (view) return view;
  throw problem("not_found", "access_key_not_found", `There is no access key ${id} here.`, {
    fix: "See them: holdfast keys",
  });
}

export async function revokeKey(sql: Sql, id: string, at: Instant): Promise<void> {
  await sql.query("update access_key set revoked_at = $2 where id = $1", [id, iso(at)]);
}
