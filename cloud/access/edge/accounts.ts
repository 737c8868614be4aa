/** Accounts and the projects and organisations they work in, as rows. */
import type { AccountId, MintId, OrganisationId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import { type Sql, unlessTaken } from "@holdfast/store/database";
import { type AskedPage, byName, readPage } from "@holdfast/store/pages";
import type { AccountView, ProjectView } from "../api.ts";

/** Where projects are when nobody says otherwise; made with the schema. */
export const defaultOrganisation = "00000000-0000-7000-8000-000000000001" as OrganisationId;

const select = (
  from = "account a",
) => `select a.id, a.name, a.kind, p.name as project, a.password_hash is not null as "hasPassword",
    a.issuer as "singleSignOn", a.disabled_at is not null as "isDisabled", a.created_at as "createdAt"
  from ${from} left join project p on p.id = a.project_id`;

/** By name; of one project its programs. Rejects with `cursor_not_valid`. */
export async function pageOfAccounts(
  sql: Sql,
  project: ProjectId | undefined,
  page: AskedPage,
): Promise<{ accounts: AccountView[]; next: string | null }> {
  const { items, next } = await readPage<AccountView>(
    sql,
    {
      name: `accounts ${project ?? "of all"}`,
      from: "account a",
      where: [["a.project_id = ?", project]],
      by: byName("a.name"),
      show: select,
    },
    page,
  );
  return { accounts: items, next };
}

/** By name or id. Rejects with `account_not_found`. */
export async function findAccountView(sql: Sql, nameOrId: string): Promise<AccountView> {
  const [row] = await sql.query<AccountView>(
    `${select()} where a.name = $1 or a.id = as_uuid($1)`,
    [nameOrId],
  );
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
    `${select()} where a.project_id = $1 and (a.name = $2 or a.id = as_uuid($2))`,
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

const selectProject = (from = "project p") => `select p.id, p.name, o.name as organisation,
    p.created_at as "createdAt" from ${from} join organisation o on o.id = p.organisation_id`;

/** By name. `among`: only these; undefined: all. Rejects with `cursor_not_valid`. */
export async function pageOfProjects(
  sql: Sql,
  among: readonly ProjectId[] | undefined,
  page: AskedPage,
): Promise<{ projects: ProjectView[]; next: string | null }> {
  const { items, next } = await readPage<ProjectView>(
    sql,
    {
      name: "projects",
      from: "project p",
      where: [["p.id = any(?)", among]],
      by: byName("p.name"),
      show: selectProject,
    },
    page,
  );
  return { projects: items, next };
}

/** One that is there. */
export async function projectView(sql: Sql, id: ProjectId): Promise<ProjectView> {
  const [view] = await sql.query<ProjectView>(`${selectProject()} where p.id = $1`, [id]);
  if (!view) throw new Error(`the project ${id} that was found is gone`);
  return view;
}

export interface OrganisationRow {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
}

/** By name. `among`: only these; undefined: all. Rejects with `cursor_not_valid`. */
export async function pageOfOrganisations(
  sql: Sql,
  among: readonly OrganisationId[] | undefined,
  page: AskedPage,
): Promise<{ organisations: OrganisationRow[]; next: string | null }> {
  const { items, next } = await readPage<OrganisationRow>(
    sql,
    {
      name: "organisations",
      from: "organisation o",
      where: [["o.id = any(?)", among]],
      by: byName("o.name"),
      show: (found) => `select o.id, o.name, o.created_at as "createdAt" from ${found}`,
    },
    page,
  );
  return { organisations: items, next };
}

/** By name or id. */
export async function findOrganisation(
  sql: Sql,
  nameOrId: string,
): Promise<OrganisationId | undefined> {
  const [row] = await sql.query<{ id: OrganisationId }>(
    "select id from organisation where name = $1 or id = as_uuid($1)",
    [nameOrId],
  );
  return row?.id;
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
  return projectView(sql, id as ProjectId); // It has just been made under this one.
}

/** The project that commands mean when they name none. Safe to repeat. */
export async function ensureDefaultProject(sql: Sql, mintId: MintId): Promise<void> {
  await sql.query("insert into project (id, name) values ($1, 'default') on conflict do nothing", [
    mintId(),
  ]);
}
