/**
 * Memberships as rows: an account, a role, and what the role is on.
 *
 * The platform always has an owner who can come in. Whatever would take the last one is refused, under a lock, so
 * that two who take each other's role at the same moment do not both succeed.
 */
import type { AccountId, OrganisationId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import { isText } from "@holdfast/store/cursor";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, readPage } from "@holdfast/store/pages";
import type { MemberView } from "../api.ts";
import type { RoleName } from "../core/roles.ts";
import { accountNotFound } from "./accounts.ts";

/** What a role is on. */
export type On =
  | { readonly project: ProjectId }
  | { readonly organisation: OrganisationId }
  | { readonly platform: true };

const partsOf = (on: On) => [
  "project" in on ? on.project : null,
  "organisation" in on ? on.organisation : null,
];

const columns = `a.name as account, a.kind, m.role, m.source, m.granted_by as "grantedBy",
    m.granted_at as "grantedAt"`;

/** By account. Rejects with `cursor_not_valid`. */
export async function pageOfMembers(
  sql: Sql,
  on: On,
  page: AskedPage,
): Promise<{ members: MemberView[]; next: string | null }> {
  const [project, organisation] = partsOf(on);
  const { items, next } = await readPage<MemberView>(
    sql,
    {
      name: `members ${project ?? organisation ?? "of the platform"}`,
      from: "membership m join account a on a.id = m.account_id",
      where: [
        project ? ["m.project_id = ?", project] : ["m.project_id is null"],
        organisation ? ["m.organisation_id = ?", organisation] : ["m.organisation_id is null"],
      ],
      by: {
        columns: ["a.name", "m.source"],
        keyOf: ({ account, source }) => [account, source],
        isKey: ([account, source]) => isText(account) && isText(source),
      },
      show: (found) => `select ${columns} from ${found} join account a on a.id = m.account_id`,
    },
    page,
  );
  return { members: items, next };
}

export interface NewMember {
  readonly account: AccountId;
  readonly role: RoleName;
  readonly by: string;
  readonly at: Instant;
}

/** Instead of the role that the account had there. */
export async function putMember(sql: Sql, on: On, member: NewMember): Promise<MemberView> {
  await sql.query(
    `insert into membership (account_id, project_id, organisation_id, role, granted_by, granted_at)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (account_id, source, coalesce(project_id, organisation_id, '00000000-0000-0000-0000-000000000000'))
       do update set role = excluded.role, granted_by = excluded.granted_by, granted_at = excluded.granted_at`,
    [member.account, ...partsOf(on), member.role, member.by, iso(member.at)],
  );
  return findMember(sql, on, member.account);
}

export async function removeMember(sql: Sql, on: On, account: AccountId): Promise<MemberView> {
  const view = await findMember(sql, on, account);
  await sql.query(
    `delete from membership where account_id = $3 and source = 'local'
       and project_id is not distinct from $1 and organisation_id is not distinct from $2`,
    [...partsOf(on), account],
  );
  return view;
}

/** What people here have given it. Rejects with `account_not_found` where that is nothing. */
async function findMember(sql: Sql, on: On, account: AccountId): Promise<MemberView> {
  const [view] = await sql.query<MemberView>(
    `select ${columns} from membership m join account a on a.id = m.account_id
     where m.project_id is not distinct from $1 and m.organisation_id is not distinct from $2
       and m.account_id = $3 and m.source = 'local'`,
    [...partsOf(on), account],
  );
  if (view) return view;
  throw accountNotFound(account);
}

/** An account that may be given a role on it: any user, and the programs of that project. */
export async function findCandidate(
  sql: Sql,
  on: On,
  nameOrId: string,
): Promise<{ readonly id: AccountId; readonly name: string }> {
  const [row] = await sql.query<{ id: AccountId; name: string }>(
    `select id, name from account
     where (name = $1 or id = as_uuid($1)) and (kind = 'user' or project_id is null or project_id = $2)`,
    [nameOrId, partsOf(on)[0]],
  );
  if (row) return row;
  throw accountNotFound(nameOrId);
}

/** Call after the change, in its transaction. Rejects with `last_owner`. */
export async function mustHaveOwner(sql: Sql): Promise<void> {
  const rows = await sql.query(
    `select from membership m join account a on a.id = m.account_id
     where m.role = 'owner' and m.project_id is null and m.organisation_id is null and a.disabled_at is null
       and m.source = 'local' and a.kind = 'user'
     for update of m`,
  );
  if (rows.length > 0) return;
  throw problem("conflict", "last_owner", "Nobody would be left who owns the platform.", {
    fix: "Make somebody else an owner first: holdfast members set NAME owner --platform",
  });
}
