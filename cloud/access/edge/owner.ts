/**
 * The owner of an installation, for those who set it up: who has the machine and its database has everything anyway,
 * so they need no key. What they do is in the journal and in the audit log like everybody's requests.
 */
import type { AccountId, MintId } from "@holdfast/kernel/ids";
import { type Problem, problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { type KeySecret, tokenOf } from "./credentials.ts";
import type { Seal } from "./seal.ts";

interface Owner {
  readonly name: string;
  readonly key: KeySecret;
  readonly seal: Seal;
  readonly mintId: MintId;
}

/**
 * The account that may do everything, with a key. For those who set up an installation, and for tests. Safe to
 * repeat: the same account and the same key are kept once. Resolves with the token.
 */
export async function installOwner(sql: Sql, { name, key, seal, mintId }: Owner): Promise<string> {
  await sql.query(
    "insert into account (id, kind, name) values ($1, 'user', $2) on conflict do nothing",
    [mintId(), name],
  );
  await sql.query(
    `insert into membership (account_id, role, granted_by)
     select id, 'owner', 'holdfast' from account where name = $1 on conflict do nothing`,
    [name],
  );
  await sql.query(
    `insert into access_key (id, account_id, name, sealed)
     select $1, id, 'first', $2 from account where name = $3 on conflict do nothing`,
    [key.id, seal.close(key.secret, key.id), name],
  );
  return tokenOf(key);
}

/** Why nobody is let in by this key any more; undefined: it is good, or was never made. */
export async function whyKeyIsOver(
  sql: Sql,
  id: string,
  {
    file,
    recover,
    now,
  }: { readonly file: string; readonly recover: string; readonly now: Instant },
): Promise<Problem | undefined> {
  const [row] = await sql.query<{
    name: string;
    revokedAt: Instant | null;
    expiresAt: Instant | null;
    isShutOut: boolean;
  }>(
    `select a.name, k.revoked_at as "revokedAt", k.expires_at as "expiresAt", a.disabled_at is not null as "isShutOut"
     from access_key k join account a on a.id = k.account_id where k.id = $1`,
    [id],
  );
  const over = (what: string) =>
    problem("unauthenticated", "owner_key_over", `${what}. It is what is in ${file}.`, {
      fix: `Have another made, as root on this machine: ${recover}`,
    });
  if (row?.isShutOut) return over(`The account ${row.name}, whose access key this is, is shut out`);
  if (row?.revokedAt) return over(`The access key ${id} was revoked at ${iso(row.revokedAt)}`);
  if (row?.expiresAt && row.expiresAt <= now)
    return over(`The access key ${id} was good until ${iso(row.expiresAt)}`);
  return undefined;
}

/**
 * Another key for the owner, whatever has become of the one before: lost, revoked, its account shut out or of no role.
 * The keys that there are stay as they are. Call it in a transaction.
 */
export async function recoverOwner(
  sql: Sql,
  { name, key, seal, mintId }: Owner,
  { at, host }: { readonly at: Instant; readonly host: string },
): Promise<void> {
  await installOwner(sql, { name, key, seal, mintId });
  const [account] = await sql.query<{ id: AccountId; wasShutOut: boolean }>(
    `update account a set disabled_at = null from account was where a.name = $1 and was.id = a.id
     returning a.id, was.disabled_at is not null as "wasShutOut"`,
    [name],
  );
  if (!account) throw new Error(`the account ${name} has just been made, and is not there`);
  await sql.query(
    `update membership set role = 'owner', granted_by = 'holdfast', granted_at = $2
     where account_id = $1 and source = 'local' and role <> 'owner'
       and project_id is null and organisation_id is null`,
    [account.id, iso(at)],
  );
  const requestId = mintId();
  const actor = `root at ${host}`;
  const detail = { accessKey: key.id, wasShutOut: account.wasShutOut };
  await appendJournal(sql, [
    {
      ...{ at, kind: "access", subject: account.id, event: "ownerRecovered", actor, requestId },
      detail,
    },
  ]);
  await sql.query(
    `insert into audit (at, request_id, api, method, route, path, decision, status, account_id, actor, credential, source,
       milliseconds)
     values ($1, $2, 'local', 'RUN', 'keys recover', 'keys recover', 'allowed', 200, $3, $4, $5, $6, 0)`,
    [iso(at), requestId, account.id, actor, key.id, host],
  );
}
