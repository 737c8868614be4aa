/** The routes of access for the tests of the command line: an owner, a program, and their keys. */

import { roleNames, roles } from "@holdfast/cloud/access";
import * as access from "@holdfast/cloud/access/api";
import * as audit from "@holdfast/cloud/audit/api";
import * as quotas from "@holdfast/cloud/quotas/api";
import * as tags from "@holdfast/cloud/tags/api";
import { type Handler, handle } from "@holdfast/kernel/route";

export function accessHandlers(moment: number): readonly Handler[] {
  const key = (name: string, project: string | undefined, account = "ada") => ({
    ...{ accessKey: "HFNEW", name, account, project: project ?? null },
    ...{ createdAt: moment, expiresAt: null, lastUsedAt: moment, lastUsedFrom: "10.0.0.9" },
  });
  const made = { secret: "secret", token: "HFNEW:secret" };
  const account = (name: string, project: string | null = null, isDisabled = false) => ({
    ...{ id: "a", name, kind: project ? ("service" as const) : ("user" as const), project },
    ...{ hasPassword: false, singleSignOn: null, isDisabled, createdAt: moment },
  });
  const member = (name: string, role: access.MemberView["role"]): access.MemberView => ({
    ...{ account: name, kind: "user", role, source: "local" },
    ...{ grantedBy: "holdfast", grantedAt: moment },
  });
  const organisation = (name: string) => ({ id: "o", name, createdAt: moment });
  const entry: audit.AuditView = {
    ...{ seq: 7, at: moment, requestId: "req-1", api: "native", method: "POST" },
    ...{ route: "/v1/keys", path: "/v1/keys", decision: "allowed", status: 201, code: null },
    ...{ actor: "ada", credential: "HFNEW", source: "10.0.0.9", project: null, milliseconds: 3 },
    ...{ count: 1, changes: [] },
  };
  const quota = (resource: quotas.QuotaView["resource"], most: number | null) => ({
    ...{ resource, says: resource, used: 3, most },
  });
  const provider: access.SignOnView = {
    ...{ issuer: "https://sso.example.org", clientId: "holdfast", nameClaim: "email" },
    scopes: null,
    ...{ groupClaim: "groups" },
    mapping: [{ group: "web", role: "developer", organisation: null, project: "web" }],
  };
  const session: access.SessionView = {
    ...{ id: "s-1", by: "password", source: "10.0.0.9", agent: "Firefox", createdAt: moment },
    ...{ lastUsedAt: moment, expiresAt: moment + 1_000, isCurrent: false },
  };
  return [
    handle(access.changePassword, async () => ({ account: "ada" })),
    handle(access.resetPassword, async ({ params }) => ({
      ...{ account: params.account, password: "made-up" },
    })),
    handle(access.listSessions, async () => ({ sessions: [session] })),
    handle(access.listSessionsOfAccount, async () => ({ sessions: [session] })),
    handle(access.endSessionOfAccount, async () => session),
    handle(access.endSession, async () => session),
    handle(access.getSingleSignOn, async () => ({ provider: null })),
    handle(access.setSingleSignOn, async ({ body }) => ({ ...provider, issuer: body.issuer })),
    handle(access.removeSingleSignOn, async () => ({ provider: null })),
    handle(quotas.listQuotas, async () => ({
      quotas: [quota("instances", 3), quota("cpus", null)],
    })),
    handle(quotas.setQuota, async ({ body }) => quota(body.resource, body.most)),
    handle(tags.listRequiredTags, async () => ({ tags: [] })),
    handle(tags.setRequiredTags, async ({ body }) => body),
    handle(tags.setOrganisationRequiredTags, async ({ body }) => body),
    handle(tags.changeTags, async ({ body }) => ({ tags: body.set })),
    handle(audit.readAudit, async () => ({ entries: [entry], next: null })),
    handle(audit.readProjectAudit, async () => ({ entries: [], next: null })),
    handle(access.getMe, async () => ({
      ...{
        account: "ada",
        kind: "user" as const,
        accessKey: "HFNEW",
        csrf: null,
        onlyProject: null,
      },
      grants: [{ role: "owner", on: "platform" as const, name: null }],
    })),
    handle(access.listRoles, async () => ({
      roles: roleNames.map((name) => ({ name, says: roles[name].says, may: [...roles[name].may] })),
    })),
    handle(access.listOrganisations, async () => ({
      organisations: [organisation("default")],
      next: null,
    })),
    handle(access.createOrganisation, async ({ body }) => organisation(body.name)),
    handle(access.createProjectIn, async ({ params, body }) => ({
      ...{ id: "p", name: body.name, organisation: params.organisation, createdAt: moment },
    })),
    handle(access.listAccounts, async () => ({ accounts: [account("ada")], next: null })),
    handle(access.createAccount, async ({ body }) => account(body.name)),
    handle(access.changeAccount, async ({ params, body }) =>
      account(params.account, null, body.isDisabled),
    ),
    handle(access.listServiceAccounts, async ({ params }) => ({
      accounts: [account(`deploy@${params.project}`, params.project)],
      next: null,
    })),
    handle(access.createServiceAccount, async ({ params, body }) =>
      account(`${body.name}@${params.project}`, params.project),
    ),
    handle(access.listServiceAccountKeys, async ({ params }) => ({
      keys: [key("ci", undefined, params.serviceAccount)],
    })),
    handle(access.createServiceAccountKey, async ({ params, body }) => ({
      ...key(body.name, params.project, params.serviceAccount),
      ...made,
    })),
    handle(access.listAccessKeys, async () => ({ keys: [key("first", undefined)] })),
    handle(access.listKeysOfAccount, async ({ params }) => ({
      keys: [key("first", undefined, params.account)],
    })),
    handle(access.createAccessKey, async ({ body }) => ({
      ...key(body.name, body.project),
      ...made,
    })),
    handle(access.revokeAccessKey, async () => key("first", undefined)),
    handle(access.revokeKeyOfAccount, async ({ params }) =>
      key("first", undefined, params.account),
    ),
    handle(access.listProjectMembers, async () => ({ members: [], next: null })),
    handle(access.listMembers, async () => ({ members: [member("ada", "owner")], next: null })),
    handle(access.listOrganisationMembers, async () => ({
      members: [member("bob", "viewer")],
      next: null,
    })),
    handle(access.putProjectMember, async ({ params, body }) => member(params.account, body.role)),
    handle(access.putOrganisationMember, async ({ params, body }) =>
      member(params.account, body.role),
    ),
    handle(access.putMember, async ({ params, body }) => member(params.account, body.role)),
    handle(access.removeProjectMember, async ({ params }) => member(params.account, "viewer")),
    handle(access.removeOrganisationMember, async ({ params }) => member(params.account, "viewer")),
    handle(access.removeMember, async ({ params }) => member(params.account, "viewer")),
  ] as readonly Handler[]; // Each has its own types; serving needs none.
}
