/** The answers to ../api.ts. Every change is one transaction with its row in the journal. */
import type { AccountId, MintId, OrganisationId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Caller, handle } from "@holdfast/kernel/route";
import { after, type Clock, type Duration, iso } from "@holdfast/kernel/time";
import { brokenConstraint, type Database, type Sql } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import * as api from "../api.ts";
import { mayDo } from "../core/may-do.ts";
import { roleNames, roles } from "../core/roles.ts";
import { type Access, noOrganisation, visibleProjects } from "./access.ts";
import {
  findAccountView,
  findOrganisation,
  findServiceAccount,
  insertAccount,
  insertProject,
  pageOfAccounts,
  pageOfOrganisations,
  pageOfProjects,
  projectView,
} from "./accounts.ts";
import { newKey, tokenOf } from "./credentials.ts";
import { findKeyView, insertKey, listKeyViews, revokeKey } from "./keys.ts";
import {
  findCandidate,
  mustHaveOwner,
  type On,
  pageOfMembers,
  putMember,
  removeMember,
} from "./members.ts";
import type { Seal } from "./seal.ts";

export interface AccessRouteDeps {
  readonly database: Database;
  readonly access: Access;
  readonly clock: Clock;
  readonly seal: Seal;
  readonly mintId: MintId;
  /** Unguessable text: 128 bits or more. */
  readonly mintSecret: () => string;
}

interface Asked {
  readonly caller: Caller;
  readonly requestId: string;
}
interface KeyRequest {
  readonly name: string;
  readonly expiresInDays?: number | undefined;
}

const day = 86_400_000;

export function accessRoutes(deps: AccessRouteDeps) {
  const { database, access, clock, seal, mintId, mintSecret } = deps;

  return {
    listRoles: handle(api.listRoles, async () => ({
      roles: roleNames.map((name) => ({ name, says: roles[name].says, may: [...roles[name].may] })),
    })),

    getMe: handle(api.getMe, async ({ caller, door }) => {
      const { name, kind } = await findAccountView(database, caller.account);
      const only = caller.only && (await projectView(database, caller.only));
      return {
        ...{ account: name, kind },
        accessKey: caller.by.kind === "key" ? caller.by.id : null,
        csrf: caller.by.kind === "session" ? (door?.csrf ?? null) : null,
        onlyProject: only?.name ?? null,
        grants: [...(await grantViews(database, caller))],
      };
    }),

    listOrganisations: handle(api.listOrganisations, ({ caller, query }) =>
      pageOfOrganisations(database, visibleOrganisations(caller), query),
    ),
    createOrganisation: handle(api.createOrganisation, (asked) => {
      const { name } = asked.body;
      const id = mintId<"Organisation">();
      const createdAt = clock.now();
      return change(asked, async (sql, tell) => {
        await insertOrganisation(sql, id, name, iso(createdAt));
        tell({ subject: id, event: "organisationCreated", detail: { name } });
        return { id, name, createdAt };
      });
    }),

    listProjects: handle(api.listProjects, async ({ caller, query }) =>
      pageOfProjects(database, await visibleProjects(database, caller), query),
    ),
    createProject: handle(api.createProject, async (asked) => {
      const { name, organisation } = asked.body;
      const id = await findOrganisation(database, organisation);
      if (!id) throw noOrganisation(organisation);
      return makeProject(asked, name, id);
    }),
    createProjectIn: handle(api.createProjectIn, (asked) =>
      makeProject(asked, asked.body.name, asked.params.organisation),
    ),

    listAccounts: handle(api.listAccounts, ({ query }) =>
      pageOfAccounts(database, undefined, query),
    ),
    createAccount: handle(api.createAccount, (asked) => {
      const { name } = asked.body;
      const id = mintId<"Account">();
      return change(asked, async (sql, tell) => {
        await insertAccount(sql, { id, kind: "user", name, createdAt: clock.now() });
        tell({ subject: id, event: "accountCreated", detail: { name } });
        return findAccountView(sql, id);
      });
    }),
    changeAccount: handle(api.changeAccount, (asked) => {
      const { params, body } = asked;
      return change(asked, async (sql, tell) => {
        const { id, name, isDisabled } = await findAccountView(sql, params.account);
        if (isDisabled !== body.isDisabled) {
          await sql.query("update account set disabled_at = $2 where id = $1", [
            ...[id, body.isDisabled ? iso(clock.now()) : null],
          ]);
          const event = body.isDisabled ? "accountDisabled" : "accountEnabled";
          tell({ subject: id, event, detail: { name } });
          await mustHaveOwner(sql);
        }
        return findAccountView(sql, id);
      });
    }),

    listServiceAccounts: handle(api.listServiceAccounts, ({ params, query }) =>
      pageOfAccounts(database, params.project, query),
    ),
    createServiceAccount: handle(api.createServiceAccount, (asked) => {
      const { params, body, caller } = asked;
      const id = mintId<"Account">();
      return change(asked, async (sql, tell) => {
        const project = await projectView(sql, params.project);
        const name = `${body.name}@${project.name}`;
        const at = clock.now();
        const account = { id, kind: "service", name, project: params.project } as const;
        await insertAccount(sql, { ...account, createdAt: at });
        const member = { account: id, role: body.role, by: caller.name, at };
        await putMember(sql, { project: params.project }, member);
        const detail = { name, role: body.role };
        tell({ subject: params.project, event: "serviceAccountCreated", detail });
        return findAccountView(sql, id);
      });
    }),
    listServiceAccountKeys: handle(api.listServiceAccountKeys, async ({ params }) => {
      const { id } = await findServiceAccount(database, params.project, params.serviceAccount);
      return { keys: await listKeyViews(database, id as AccountId) }; // A view's id is plain text.
    }),
    createServiceAccountKey: handle(api.createServiceAccountKey, async (asked) => {
      const { project, serviceAccount } = asked.params;
      const { id } = await findServiceAccount(database, project, serviceAccount);
      return makeKey(asked, id as AccountId, asked.body, project);
    }),
    revokeServiceAccountKey: handle(api.revokeServiceAccountKey, async (asked) => {
      const { project, serviceAccount, accessKey } = asked.params;
      const { id } = await findServiceAccount(database, project, serviceAccount);
      return revoke(asked, id as AccountId, accessKey);
    }),

    listAccessKeys: handle(api.listAccessKeys, async ({ caller }) => ({
      keys: await listKeyViews(database, caller.account),
    })),
    createAccessKey: handle(api.createAccessKey, async (asked) => {
      const { caller, body } = asked;
      const only = body.project && (await access.projectOf(caller, body.project, "project:read"));
      return makeKey(asked, caller.account, body, only);
    }),
    revokeAccessKey: handle(api.revokeAccessKey, (asked) =>
      revoke(asked, asked.caller.account, asked.params.accessKey),
    ),
    listKeysOfAccount: handle(api.listKeysOfAccount, async ({ params }) => {
      const { id } = await findAccountView(database, params.account);
      return { keys: await listKeyViews(database, id as AccountId) };
    }),
    revokeKeyOfAccount: handle(api.revokeKeyOfAccount, async (asked) => {
      const { id } = await findAccountView(database, asked.params.account);
      return revoke(asked, id as AccountId, asked.params.accessKey);
    }),

    listProjectMembers: handle(api.listProjectMembers, ({ params, query }) =>
      pageOfMembers(database, params, query),
    ),
    putProjectMember: handle(api.putProjectMember, (asked) =>
      give(asked, { project: asked.params.project }),
    ),
    removeProjectMember: handle(api.removeProjectMember, (asked) =>
      take(asked, { project: asked.params.project }),
    ),
    listOrganisationMembers: handle(api.listOrganisationMembers, ({ params, query }) =>
      pageOfMembers(database, params, query),
    ),
    putOrganisationMember: handle(api.putOrganisationMember, (asked) =>
      give(asked, { organisation: asked.params.organisation }),
    ),
    removeOrganisationMember: handle(api.removeOrganisationMember, (asked) =>
      take(asked, { organisation: asked.params.organisation }),
    ),
    listMembers: handle(api.listMembers, ({ query }) =>
      pageOfMembers(database, { platform: true }, query),
    ),
    putMember: handle(api.putMember, (asked) => give(asked, { platform: true })),
    removeMember: handle(api.removeMember, (asked) => take(asked, { platform: true })),
  };

  async function change<T>(
    { caller, requestId }: Asked,
    work: (sql: Sql, tell: (row: Told) => void) => Promise<T>,
  ): Promise<T> {
    return database.transaction(async (sql) => {
      const rows: JournalRow[] = [];
      const common = { at: clock.now(), kind: "access", actor: caller.name, requestId } as const;
      const reply = await work(sql, (row) => rows.push({ ...common, ...row }));
      await appendJournal(sql, rows);
      return reply;
    });
  }

  function makeProject(asked: Asked, name: string, organisation: OrganisationId) {
    const id = mintId<"Project">();
    return change(asked, async (sql, tell) => {
      const made = await insertProject(sql, { id, name, organisation, createdAt: clock.now() });
      tell({ subject: id, event: "projectCreated", detail: { name } });
      return made;
    });
  }

  function makeKey(
    asked: Asked,
    account: AccountId,
    { name, expiresInDays }: KeyRequest,
    only: ProjectId | undefined,
  ) {
    const key = newKey(mintSecret);
    const createdAt = clock.now();
    const expiresAt =
      expiresInDays === undefined ? undefined : after(createdAt, (expiresInDays * day) as Duration); // Milliseconds.
    return change(asked, async (sql, tell) => {
      const view = await insertKey(sql, seal, { key, account, name, only, createdAt, expiresAt });
      tell({ subject: account, event: "keyCreated", detail: { accessKey: key.id, name } });
      return { ...view, secret: key.secret, token: tokenOf(key) };
    });
  }

  function revoke(asked: Asked, account: AccountId, id: string) {
    return change(asked, async (sql, tell) => {
      const view = await findKeyView(sql, account, id);
      await revokeKey(sql, id, clock.now());
      tell({ subject: account, event: "keyRevoked", detail: { accessKey: id, name: view.name } });
      return view;
    });
  }

  function give(asked: Asked & Giving, on: On) {
    const { caller, params, body } = asked;
    return change(asked, async (sql, tell) => {
      const { id, name } = await findCandidate(sql, on, params.account);
      const member = { account: id, role: body.role, by: caller.name, at: clock.now() };
      const view = await putMember(sql, on, member);
      tell({ subject: subjectOf(on, id), event: "roleGiven", detail: { name, role: body.role } });
      if ("platform" in on) await mustHaveOwner(sql);
      return view;
    });
  }

  function take(asked: Asked & { readonly params: { readonly account: string } }, on: On) {
    return change(asked, async (sql, tell) => {
      const { id, name } = await findCandidate(sql, on, asked.params.account);
      const view = await removeMember(sql, on, id);
      tell({ subject: subjectOf(on, id), event: "roleTaken", detail: { name, role: view.role } });
      if ("platform" in on) await mustHaveOwner(sql);
      return view;
    });
  }
}

/** Undefined: all of them, because what was given on the platform reaches each. */
function visibleOrganisations(caller: Caller): readonly OrganisationId[] | undefined {
  const maySee = (organisation: OrganisationId) =>
    mayDo(caller, "organisation:read", { id: undefined, organisation });
  if (maySee(nobodys)) return undefined;
  return caller.grants.flatMap((grant) =>
    grant.on === "organisation" && maySee(grant.id) ? [grant.id] : [],
  );
}
/** One that nobody was ever given anything on. */
const nobodys = "00000000-0000-0000-0000-000000000000" as OrganisationId;

/** What is done on a project is told in its journal. */
const subjectOf = (on: On, account: AccountId) =>
  "project" in on ? on.project : "organisation" in on ? on.organisation : account;

type Told = Pick<JournalRow, "subject" | "event" | "detail">;
interface Giving {
  readonly params: { readonly account: string };
  readonly body: { readonly role: (typeof roleNames)[number] };
}

async function insertOrganisation(sql: Sql, id: string, name: string, at: string): Promise<void> {
  try {
    await sql.query("insert into organisation (id, name, created_at) values ($1, $2, $3)", [
      ...[id, name, at],
    ]);
  } catch (error) {
    if (brokenConstraint(error) !== "organisation_name_key") throw error;
    throw problem("conflict", "organisation_name_taken", `There is an organisation ${name}.`, {
      fix: "Choose another name.",
    });
  }
}

/** With names in place of ids. */
async function grantViews(sql: Sql, { grants }: Caller) {
  const ids = grants.flatMap((grant) => (grant.on === "platform" ? [] : [grant.id]));
  const rows = await sql.query<{ id: string; name: string }>(
    `select id, name from project where id = any($1)
     union all select id, name from organisation where id = any($1)`,
    [ids],
  );
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  return grants.map((grant) => ({
    ...{ role: grant.role, on: grant.on },
    name: grant.on === "platform" ? null : (names.get(grant.id) ?? null),
  }));
}
