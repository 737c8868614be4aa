/** Accounts and the projects and organisations they work in, as rows. */
import type { AccountId, MintId, OrganisationId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import { type Sql, unlessTaken } from "@holdfast/store/database";
import type { AccountView, ProjectView } from "../api.ts";

/** Where projects are when nobody says otherwise; made with the schema. */
export const defaultOrganisation = "00000000-0000-7000-8000-000000000001" as OrganisationId;

const select = `select a.id, a.name, a.kind, p.name as project, a.password_hash is not null as "hasPassword",
    a.issuer as "singleSignOn", a.disabled_at is not null as "isDisabled", a.created_at as "createdAt"
  from account a left join project p on p.id = a.project_id`;

export async function listAccountViews(sql: Sql): Promise<AccountView[]> {
  return [...(await sql.query<AccountView>(`${select} order by a.name`, []))];
}

export async function listServiceAccountViews(
  sql: Sql,
  project: ProjectId,
): Promise<AccountView[]> {
  return [
    ...(await sql.query<AccountView>(`${select} where a.project_id = $1 order by a.name`, [
      project,
    ])),
  ];
}

/** By name or id. Rejects with `account_not_found`. */
export async function findAccountView(sql: Sql, nameOrId: string): Promise<AccountView> {
  const [row] = await sql.query<AccountView>(`${select} where a.name = $1 or a.id = as_uuid($1)`, [
    nameOrId,
  ]);
  if (row) return row;
  throw accountNotFound(nameOrId);
}

/** A program of this project; whatever else is called so is as if it were not there. */
export async function findServiceAccount(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<AccountView> {
  const [row] = await sql.query<AccountView>(
    `${select} where a.project_id = $1 and (a.name = $2 or a.id = as_uuid($2))`,
    [project, nameOrId],
  );
  if (row) return row;
  throw accountNotFound(nameOrId);
}

export interface NewAccount {
  readonly id: AccountId;
  readonly kind: "user" | "service";
  readonly name: string;
  readonly project?: ProjectId;
  readonly createdAt: Instant;
}

/** Rejects with `account_name_taken`. */
export async function insertAccount(
  sql: Sql,
  { id, kind, name, project, createdAt }: NewAccount,
): Promise<void> {
  await unlessTaken(
    "account_by_name",
    () => nameTaken(name),
    () =>
      sql.query(
        "insert into account (id, kind, name, project_id, created_at) values ($1, $2, $3, $4, $5)",
        [id, kind, name, project ?? null, iso(createdAt)],
      ),
  );
}

const nameTaken = (name: string) =>
  problem("conflict", "account_name_taken", `There is an account ${name}.`, {
    fix: "Choose another name.",
    faults: [{ field: "body.name", reason: "is taken" }],
  });

export const accountNotFound = (name: string) =>
  problem("not_found", "account_not_found", `There is no account ${name} here.`, {
    fix: "See them: holdfast members, holdfast accounts",
  });

const selectProject = `select p.id, p.name, o.name as organisation, p.created_at as "createdAt"
  from project p join organisation o on o.id = p.organisation_id`;

/** `among`: only these; undefined: all. */
export async function listProjectViews(
  sql: Sql,
  among: readonly ProjectId[] | undefined,
): Promise<ProjectView[]> {
  return [
    ...(among
      ? await sql.query<ProjectView>(`${selectProject} where p.id = any($1) order by p.name`, [
          among,
        ])
      : await sql.query<ProjectView>(`${selectProject} order by p.name`, [])),
  ];
}

/** Rejects with `project_name_taken`. */
export async function insertProject(
  sql: Sql,
  project: { id: string; name: string; organisation: OrganisationId; createdAt: Instant },
): Promise<ProjectView> {
  const { id, name, organisation, createdAt } = project;
  await unlessTaken(
    "project_name_key",
    () =>
      problem("conflict", "project_name_taken", `There is a project ${name}.`, {
        fix: "Choose another name.",
      }),
    () =>
      sql.query(
        "insert into project (id, name, organisation_id, created_at) values ($1, $2, $3, $4)",
        [id, name, organisation, iso(createdAt)],
      ),
  );
  const [view] = await listProjectViews(sql, [id as ProjectId]);
  if (!view) throw new Error(`the project ${name} has just been made, and is not there`);
  return view;
}

/** The project that commands mean when they name none. Safe to repeat. */
export async function ensureDefaultProject(sql: Sql, mintId: MintId): Promise<void> {
  await sql.query("insert into project (id, name) values ($1, 'default') on conflict do nothing", [
    mintId(),
  ]);
}
