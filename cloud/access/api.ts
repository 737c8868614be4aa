/**
 * Who may ask for what: organisations and their projects, accounts, roles on them, and the keys they come with.
 *
 * What one may not see is answered as if it were not there, also here: a list shows what the caller may see of it.
 */
import type { OrganisationId } from "@holdfast/kernel/ids";
import { route } from "@holdfast/kernel/route";
import { ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { roleNames } from "./core/roles.ts";

const none = z.strictObject({});
const inProject = z.object({ project: ProjectParam });

const Name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, "must be 1 to 63 lower-case letters, digits and dashes");
/** An organisation is named by its name or its id. */
const OrganisationParam = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be an organisation's name or id")
  .transform((text) => text as OrganisationId); // Looked up before any handler sees it.
const inOrganisation = z.object({ organisation: OrganisationParam });

const accountName = /^[a-z0-9][a-z0-9._@+-]{0,127}$/;
const AccountName = z
  .string()
  .regex(
    accountName,
    "must be 1 to 128 lower-case letters, digits and . _ @ + -, and begin with a letter or digit",
  );
const AccountParam = z.string().regex(accountName, "must be an account's name or id");
const KeyIdParam = z.string().regex(/^[A-Za-z0-9]{4,64}$/, "must be the id of an access key");
const RoleParam = z.enum(roleNames);

export const OrganisationView = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.number(),
});
export const ProjectView = z.object({
  id: z.string(),
  name: z.string(),
  organisation: z.string(),
  createdAt: z.number(),
});
export type ProjectView = z.output<typeof ProjectView>;

export const AccountView = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(["user", "service"]),
  project: z.string().nullable().describe("Of a service account."),
  hasPassword: z.boolean(),
  singleSignOn: z.string().nullable().describe("The provider that knows it."),
  isDisabled: z.boolean(),
  createdAt: z.number(),
});
export type AccountView = z.output<typeof AccountView>;

export const MemberView = z.object({
  account: z.string(),
  kind: z.enum(["user", "service"]),
  role: RoleParam,
  source: z.enum(["local", "sso"]).describe("Given by a person here, or by single sign-on."),
  grantedBy: z.string(),
  grantedAt: z.number(),
});
export type MemberView = z.output<typeof MemberView>;

export const KeyView = z.object({
  accessKey: z.string().describe("Its id. Not secret."),
  name: z.string(),
  account: z.string(),
  project: z.string().nullable().describe("The only project it is for."),
  createdAt: z.number(),
  expiresAt: z.number().nullable(),
  lastUsedAt: z.number().nullable().describe("To the minute."),
  lastUsedFrom: z.string().nullable(),
});
export type KeyView = z.output<typeof KeyView>;

const NewKey = KeyView.extend({
  secret: z.string().describe("Shown this once."),
  token: z
    .string()
    .describe("Both together, as HOLDFAST_TOKEN and `Authorization: Bearer` take it."),
});
const KeyRequest = z.strictObject({
  name: z.string().min(1).max(63).describe("What it is for, for lists."),
  expiresInDays: z.number().int().min(1).max(3_650).optional(),
});

const GrantView = z.object({
  role: z.string(),
  on: z.enum(["platform", "organisation", "project"]),
  name: z.string().nullable().describe("Of the organisation or project."),
});

// Roles, and who the caller is.

export const listRoles = route({
  method: "GET",
  path: "/v1/roles",
  summary: "The roles there are, and what each allows.",
  needs: "caller:read",
  params: none,
  query: none,
  body: z.undefined(),
  reply: [
    200,
    z.object({
      roles: z.array(z.object({ name: z.string(), says: z.string(), may: z.array(z.string()) })),
    }),
  ],
  fails: {},
});

export const getMe = route({
  method: "GET",
  path: "/v1/me",
  summary: "Who the caller is, and what on.",
  needs: "caller:read",
  params: none,
  query: none,
  body: z.undefined(),
  reply: [
    200,
    z.object({
      account: z.string(),
      kind: z.enum(["user", "service"]),
      accessKey: z.string().nullable(),
      csrf: z
        .string()
        .nullable()
        .describe("Of a session: to send as `x-holdfast-csrf` with everything that is not a GET."),
      onlyProject: z.string().nullable().describe("The only project that the key is for."),
      grants: z.array(GrantView),
    }),
  ],
  fails: {},
});

// Organisations and projects.

export const listOrganisations = route({
  method: "GET",
  path: "/v1/organisations",
  summary: "The organisations that the caller may see.",
  needs: "caller:read",
  params: none,
  query: none,
  body: z.undefined(),
  reply: [200, z.object({ organisations: z.array(OrganisationView) })],
  fails: {},
});

export const createOrganisation = route({
  method: "POST",
  path: "/v1/organisations",
  summary: "A new organisation: projects that belong together, and people who look after them.",
  needs: "platform:grant",
  params: none,
  query: none,
  body: z.strictObject({ name: Name }),
  reply: [201, OrganisationView],
  fails: { organisation_name_taken: "conflict" },
});

export const listProjects = route({
  method: "GET",
  path: "/v1/projects",
  summary: "The projects that the caller may see.",
  needs: "caller:read",
  params: none,
  query: none,
  body: z.undefined(),
  reply: [200, z.object({ projects: z.array(ProjectView) })],
  fails: {},
});

export const createProject = route({
  method: "POST",
  path: "/v1/projects",
  summary: "A new project: instances of different projects do not see each other.",
  needs: "platform:operate",
  params: none,
  query: none,
  body: z.strictObject({ name: Name, organisation: OrganisationParam.default("default" as never) }), // By name.
  reply: [201, ProjectView],
  fails: { project_name_taken: "conflict", organisation_not_found: "not_found" },
});

export const createProjectIn = route({
  method: "POST",
  path: "/v1/organisations/:organisation/projects",
  summary: "A new project of an organisation, for those who look after that.",
  needs: "organisation:grant",
  params: inOrganisation,
  query: none,
  body: z.strictObject({ name: Name }),
  reply: [201, ProjectView],
  fails: { project_name_taken: "conflict" },
});

// Accounts.

export const listAccounts = route({
  method: "GET",
  path: "/v1/accounts",
  summary: "All accounts: people, and programs.",
  needs: "platform:grant",
  params: none,
  query: none,
  body: z.undefined(),
  reply: [200, z.object({ accounts: z.array(AccountView) })],
  fails: {},
});

export const createAccount = route({
  method: "POST",
  path: "/v1/accounts",
  summary: "A new user. It may do nothing until it is given a role.",
  needs: "platform:grant",
  params: none,
  query: none,
  body: z.strictObject({ name: AccountName }),
  reply: [201, AccountView],
  fails: { account_name_taken: "conflict" },
});

export const changeAccount = route({
  method: "PATCH",
  path: "/v1/accounts/:account",
  summary: "Shut an account out, or let it in again. Its keys do nothing meanwhile.",
  needs: "platform:grant",
  params: z.object({ account: AccountParam }),
  query: none,
  body: z.strictObject({ isDisabled: z.boolean() }),
  reply: [200, AccountView],
  fails: { account_not_found: "not_found", last_owner: "conflict" },
});

export const listServiceAccounts = route({
  method: "GET",
  path: "/v1/projects/:project/service-accounts",
  summary: "The programs that may ask in the name of a project.",
  needs: "project:grant",
  params: inProject,
  query: none,
  body: z.undefined(),
  reply: [200, z.object({ accounts: z.array(AccountView) })],
  fails: {},
});

export const createServiceAccount = route({
  method: "POST",
  path: "/v1/projects/:project/service-accounts",
  summary: "A new account for a program, with a role on the project: NAME@PROJECT.",
  needs: "project:grant",
  params: inProject,
  query: none,
  body: z.strictObject({ name: Name, role: RoleParam }),
  reply: [201, AccountView],
  fails: { account_name_taken: "conflict" },
});

const ofServiceAccount = inProject.extend({ serviceAccount: AccountParam });

export const listServiceAccountKeys = route({
  method: "GET",
  path: "/v1/projects/:project/service-accounts/:serviceAccount/keys",
  summary: "The access keys of a service account.",
  needs: "project:grant",
  params: ofServiceAccount,
  query: none,
  body: z.undefined(),
  reply: [200, z.object({ keys: z.array(KeyView) })],
  fails: { account_not_found: "not_found" },
});

export const createServiceAccountKey = route({
  method: "POST",
  path: "/v1/projects/:project/service-accounts/:serviceAccount/keys",
  summary: "An access key for a service account. Its secret is shown once.",
  needs: "project:grant",
  params: ofServiceAccount,
  query: none,
  body: KeyRequest,
  reply: [201, NewKey],
  fails: { account_not_found: "not_found", too_many_keys: "exhausted" },
});

export const revokeServiceAccountKey = route({
  method: "DELETE",
  path: "/v1/projects/:project/service-accounts/:serviceAccount/keys/:accessKey",
  summary: "Make an access key of a service account worthless, at once.",
  needs: "project:grant",
  params: ofServiceAccount.extend({ accessKey: KeyIdParam }),
  query: none,
  body: z.undefined(),
  reply: [200, KeyView],
  fails: { account_not_found: "not_found", access_key_not_found: "not_found" },
});

// Access keys.

export const listAccessKeys = route({
  method: "GET",
  path: "/v1/keys",
  summary: "The access keys of the caller.",
  needs: "caller:manage",
  params: none,
  query: none,
  body: z.undefined(),
  reply: [200, z.object({ keys: z.array(KeyView) })],
  fails: {},
});

export const createAccessKey = route({
  method: "POST",
  path: "/v1/keys",
  summary: "An access key for the caller. Its secret is shown once.",
  needs: "caller:manage",
  params: none,
  query: none,
  body: KeyRequest.extend({
    project: ProjectParam.optional().describe(
      "The only project that it is for, whatever else the caller may touch.",
    ),
  }),
  reply: [201, NewKey],
  fails: { project_not_found: "not_found", too_many_keys: "exhausted" },
});

export const revokeAccessKey = route({
  method: "DELETE",
  path: "/v1/keys/:accessKey",
  summary: "Make an access key of the caller worthless, at once.",
  needs: "caller:manage",
  params: z.object({ accessKey: KeyIdParam }),
  query: none,
  body: z.undefined(),
  reply: [200, KeyView],
  fails: { access_key_not_found: "not_found" },
});

export const listKeysOfAccount = route({
  method: "GET",
  path: "/v1/accounts/:account/keys",
  summary: "The access keys of any account.",
  needs: "platform:grant",
  params: z.object({ account: AccountParam }),
  query: none,
  body: z.undefined(),
  reply: [200, z.object({ keys: z.array(KeyView) })],
  fails: { account_not_found: "not_found" },
});

export const revokeKeyOfAccount = route({
  method: "DELETE",
  path: "/v1/accounts/:account/keys/:accessKey",
  summary: "Make an access key of any account worthless, at once.",
  needs: "platform:grant",
  params: z.object({ account: AccountParam, accessKey: KeyIdParam }),
  query: none,
  body: z.undefined(),
  reply: [200, KeyView],
  fails: { account_not_found: "not_found", access_key_not_found: "not_found" },
});

// Members: who has which role on what.

const Members = z.object({ members: z.array(MemberView) });
const RoleRequest = z.strictObject({ role: RoleParam });
const member = { account: AccountParam };

export const listProjectMembers = route({
  method: "GET",
  path: "/v1/projects/:project/members",
  summary: "Who has which role on a project, besides those of its organisation and the platform.",
  needs: "project:read",
  params: inProject,
  query: none,
  body: z.undefined(),
  reply: [200, Members],
  fails: {},
});

export const putProjectMember = route({
  method: "PUT",
  path: "/v1/projects/:project/members/:account",
  summary: "Give an account a role on a project, instead of the one it had there.",
  needs: "project:grant",
  params: inProject.extend(member),
  query: none,
  body: RoleRequest,
  reply: [200, MemberView],
  fails: { account_not_found: "not_found" },
});

export const removeProjectMember = route({
  method: "DELETE",
  path: "/v1/projects/:project/members/:account",
  summary: "Take an account's role on a project.",
  needs: "project:grant",
  params: inProject.extend(member),
  query: none,
  body: z.undefined(),
  reply: [200, MemberView],
  fails: { account_not_found: "not_found" },
});

export const listOrganisationMembers = route({
  method: "GET",
  path: "/v1/organisations/:organisation/members",
  summary: "Who has which role on an organisation and all its projects.",
  needs: "organisation:read",
  params: inOrganisation,
  query: none,
  body: z.undefined(),
  reply: [200, Members],
  fails: {},
});

export const putOrganisationMember = route({
  method: "PUT",
  path: "/v1/organisations/:organisation/members/:account",
  summary: "Give an account a role on an organisation and all its projects.",
  needs: "organisation:grant",
  params: inOrganisation.extend(member),
  query: none,
  body: RoleRequest,
  reply: [200, MemberView],
  fails: { account_not_found: "not_found" },
});

export const removeOrganisationMember = route({
  method: "DELETE",
  path: "/v1/organisations/:organisation/members/:account",
  summary: "Take an account's role on an organisation.",
  needs: "organisation:grant",
  params: inOrganisation.extend(member),
  query: none,
  body: z.undefined(),
  reply: [200, MemberView],
  fails: { account_not_found: "not_found" },
});

export const listMembers = route({
  method: "GET",
  path: "/v1/members",
  summary: "Who has which role on the whole platform.",
  needs: "platform:grant",
  params: none,
  query: none,
  body: z.undefined(),
  reply: [200, Members],
  fails: {},
});

export const putMember = route({
  method: "PUT",
  path: "/v1/members/:account",
  summary: "Give an account a role on the whole platform.",
  needs: "platform:grant",
  params: z.object(member),
  query: none,
  body: RoleRequest,
  reply: [200, MemberView],
  fails: { account_not_found: "not_found", last_owner: "conflict" },
});

export const removeMember = route({
  method: "DELETE",
  path: "/v1/members/:account",
  summary: "Take an account's role on the platform.",
  needs: "platform:grant",
  params: z.object(member),
  query: none,
  body: z.undefined(),
  reply: [200, MemberView],
  fails: { account_not_found: "not_found", last_owner: "conflict" },
});

// Passwords and sessions: for people, and the pages that they use.

const Password = z.string().min(1).max(1_024);
const NewPassword = z
  .string()
  .min(12, "must be 12 characters or more")
  .max(1_024)
  .describe("12 characters or more; what kinds they are does not matter.");

export const SessionView = z.object({
  id: z.string(),
  by: z.enum(["password", "sso"]),
  source: z.string().nullable(),
  agent: z.string().nullable().describe("What the browser says it is."),
  createdAt: z.number(),
  lastUsedAt: z.number().describe("To the minute."),
  expiresAt: z.number().describe("At the latest; earlier where nobody uses it."),
  isCurrent: z.boolean(),
});
export type SessionView = z.output<typeof SessionView>;

export const signIn = route({
  method: "POST",
  path: "/v1/sessions",
  summary:
    "Sign in with a password. The session is a cookie, and a word to send with every change.",
  needs: "public",
  params: none,
  query: none,
  body: z.strictObject({ account: AccountName, password: Password }),
  reply: [
    201,
    z.object({
      id: z.string(),
      account: z.string(),
      csrf: z.string().describe("To send as `x-holdfast-csrf` with everything that is not a GET."),
      expiresAt: z.number(),
    }),
  ],
  fails: { sign_in_refused: "unauthenticated", rate_limited: "limited", busy: "unavailable" },
});

export const listSessions = route({
  method: "GET",
  path: "/v1/sessions",
  summary: "Where the caller is signed in.",
  needs: "caller:manage",
  params: none,
  query: none,
  body: z.undefined(),
  reply: [200, z.object({ sessions: z.array(SessionView) })],
  fails: {},
});

export const endSession = route({
  method: "DELETE",
  path: "/v1/sessions/:session",
  summary: "Sign out: here, with `current`, or somewhere else.",
  needs: "caller:manage",
  params: z.object({ session: z.string().regex(/^[a-z0-9-]{1,63}$/, "must be a session's id") }),
  query: none,
  body: z.undefined(),
  reply: [200, SessionView],
  fails: { session_not_found: "not_found" },
});

const ofAccount = z.object({ account: AccountParam });

export const listSessionsOfAccount = route({
  method: "GET",
  path: "/v1/accounts/:account/sessions",
  summary: "Where somebody is signed in.",
  needs: "platform:grant",
  params: ofAccount,
  query: none,
  body: z.undefined(),
  reply: [200, z.object({ sessions: z.array(SessionView) })],
  fails: { account_not_found: "not_found" },
});

export const endSessionOfAccount = route({
  method: "DELETE",
  path: "/v1/accounts/:account/sessions/:session",
  summary: "Sign somebody out, at once.",
  needs: "platform:grant",
  params: ofAccount.extend({
    session: z.string().regex(/^[a-z0-9-]{1,63}$/, "must be a session's id"),
  }),
  query: none,
  body: z.undefined(),
  reply: [200, SessionView],
  fails: { account_not_found: "not_found", session_not_found: "not_found" },
});

export const changePassword = route({
  method: "PUT",
  path: "/v1/me/password",
  summary: "A new password for the caller. Whoever is signed in elsewhere is signed out.",
  needs: "caller:manage",
  params: none,
  query: none,
  body: z.strictObject({
    current: Password.optional().describe("Where there is one."),
    password: NewPassword,
  }),
  reply: [200, z.object({ account: z.string() })],
  fails: {
    sign_in_refused: "unauthenticated",
    no_password: "conflict",
    rate_limited: "limited",
    busy: "unavailable",
  },
});

export const resetPassword = route({
  method: "POST",
  path: "/v1/accounts/:account/password",
  summary: "A password for somebody who has none, or has lost it. It is shown once.",
  needs: "platform:grant",
  params: z.object({ account: AccountParam }),
  query: none,
  body: z.strictObject({}),
  reply: [200, z.object({ account: z.string(), password: z.string() })],
  fails: { account_not_found: "not_found", no_password: "conflict", busy: "unavailable" },
});

// Single sign-on.

const Url = z.url({ protocol: /^https?$/ }).max(512);
const Mapping = z.strictObject({
  group: z.string().min(1).max(256).describe("As the provider calls it."),
  role: RoleParam,
  organisation: z.string().max(63).optional().describe("Its name or id."),
  project: z.string().max(63).optional().describe("Its name or id; neither: the platform."),
});

const SignOnView = z.object({
  issuer: z.string(),
  clientId: z.string(),
  nameClaim: z.string(),
  groupClaim: z.string(),
  scopes: z
    .array(z.string())
    .nullable()
    .describe(
      "What it is asked for beside `openid`; null: profile, email, and groups if it knows that.",
    ),
  mapping: z.array(
    z.object({
      group: z.string(),
      role: z.string(),
      organisation: z.string().nullable(),
      project: z.string().nullable(),
    }),
  ),
});
export type SignOnView = z.output<typeof SignOnView>;

export const getSingleSignOn = route({
  method: "GET",
  path: "/v1/single-sign-on",
  summary: "The provider of single sign-on, and which of its groups have which role.",
  needs: "platform:grant",
  params: none,
  query: none,
  body: z.undefined(),
  reply: [200, z.object({ provider: SignOnView.nullable() })],
  fails: {},
});

export const setSingleSignOn = route({
  method: "PUT",
  path: "/v1/single-sign-on",
  summary: "People sign in at this provider from now on, besides with passwords.",
  needs: "platform:grant",
  params: none,
  query: none,
  body: z.strictObject({
    issuer: Url.describe("Where /.well-known/openid-configuration is below."),
    clientId: z.string().min(1).max(256),
    clientSecret: z.string().min(1).max(1_024).describe("Kept sealed, and never shown."),
    nameClaim: z
      .string()
      .regex(/^[A-Za-z0-9_:./-]{1,128}$/)
      .default("email")
      .describe("What people are called by."),
    groupClaim: z
      .string()
      .regex(/^[A-Za-z0-9_:./-]{1,128}$/)
      .default("groups"),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, "must be one word"))
      .max(20)
      .optional()
      .describe(
        "What to ask it for beside `openid`; profile, email, and groups if it knows that, if absent.",
      ),
    mapping: z.array(Mapping).max(200).default([]),
  }),
  reply: [200, SignOnView],
  fails: { organisation_not_found: "not_found", project_not_found: "not_found" },
});

export const removeSingleSignOn = route({
  method: "DELETE",
  path: "/v1/single-sign-on",
  summary: "No single sign-on any more. The roles and the sessions that it gave end.",
  needs: "platform:grant",
  params: none,
  query: none,
  body: z.undefined(),
  reply: [200, z.object({ provider: SignOnView.nullable() })],
  fails: {},
});
