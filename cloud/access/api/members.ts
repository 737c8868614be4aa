/** Members: who has which role on a project, an organisation and the platform. */
import { changes, lists, none, removes } from "@holdfast/kernel/declare";
import { inProject, Next } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { AccountParam, inOrganisation, RoleParam } from "./words.ts";

export const MemberView = z.object({
  account: z.string(),
  kind: z.enum(["user", "service"]),
  role: RoleParam,
  source: z.enum(["local", "sso"]).describe("Given by a person here, or by single sign-on."),
  grantedBy: z.string(),
  grantedAt: z.number(),
});

export type MemberView = z.output<typeof MemberView>;

const Members = z.object({ members: z.array(MemberView), next: Next });

const RoleRequest = z.strictObject({ role: RoleParam });

const member = { account: AccountParam };

export const listProjectMembers = lists({
  path: "/v1/projects/:project/members",
  summary: "Who has which role on a project, besides those of its organisation and the platform.",
  needs: "project:read",
  params: inProject,
  reply: Members,
});

export const putProjectMember = changes("PUT", {
  path: "/v1/projects/:project/members/:account",
  summary: "Give an account a role on a project, instead of the one it had there.",
  needs: "project:grant",
  params: inProject.extend(member),
  body: RoleRequest,
  reply: [200, MemberView],
  fails: { account_not_found: "not_found" },
});

export const removeProjectMember = removes({
  path: "/v1/projects/:project/members/:account",
  summary: "Take an account's role on a project.",
  needs: "project:grant",
  params: inProject.extend(member),
  reply: MemberView,
  fails: { account_not_found: "not_found" },
});

export const listOrganisationMembers = lists({
  path: "/v1/organisations/:organisation/members",
  summary: "Who has which role on an organisation and all its projects.",
  needs: "organisation:read",
  params: inOrganisation,
  reply: Members,
});

export const putOrganisationMember = changes("PUT", {
  path: "/v1/organisations/:organisation/members/:account",
  summary: "Give an account a role on an organisation and all its projects.",
  needs: "organisation:grant",
  params: inOrganisation.extend(member),
  body: RoleRequest,
  reply: [200, MemberView],
  fails: { account_not_found: "not_found" },
});

export const removeOrganisationMember = removes({
  path: "/v1/organisations/:organisation/members/:account",
  summary: "Take an account's role on an organisation.",
  needs: "organisation:grant",
  params: inOrganisation.extend(member),
  reply: MemberView,
  fails: { account_not_found: "not_found" },
});

export const listMembers = lists({
  path: "/v1/members",
  summary: "Who has which role on the whole platform.",
  needs: "platform:grant",
  params: none,
  reply: Members,
});

export const putMember = changes("PUT", {
  path: "/v1/members/:account",
  summary: "Give an account a role on the whole platform.",
  needs: "platform:grant",
  params: z.object(member),
  body: RoleRequest,
  reply: [200, MemberView],
  fails: { account_not_found: "not_found", last_owner: "conflict" },
});

export const removeMember = removes({
  path: "/v1/members/:account",
  summary: "Take an account's role on the platform.",
  needs: "platform:grant",
  params: z.object(member),
  reply: MemberView,
  fails: { account_not_found: "not_found", last_owner: "conflict" },
});
