/** Organisations and their projects, what roles there are on them, and who the caller is. */
import { changes, lists, none, reads } from "@holdfast/kernel/declare";
import { Next, OrganisationParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { inOrganisation, Name } from "./words.ts";

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

const GrantView = z.object({
  role: z.string(),
  on: z.enum(["platform", "organisation", "project"]),
  name: z.string().nullable().describe("Of the organisation or project."),
});

export const listRoles = reads({
  path: "/v1/roles",
  summary: "The roles there are, and what each allows.",
  needs: "caller:read",
  params: none,
  reply: z.object({
    roles: z.array(z.object({ name: z.string(), says: z.string(), may: z.array(z.string()) })),
  }),
});

export const getMe = reads({
  path: "/v1/me",
  summary: "Who the caller is, and what on.",
  needs: "caller:read",
  params: none,
  reply: z.object({
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
});

export const listOrganisations = lists({
  path: "/v1/organisations",
  summary: "The organisations that the caller may see.",
  needs: "caller:read",
  params: none,
  reply: z.object({ organisations: z.array(OrganisationView), next: Next }),
});

export const createOrganisation = changes("POST", {
  path: "/v1/organisations",
  summary: "A new organisation: projects that belong together, and people who look after them.",
  needs: "platform:grant",
  params: none,
  body: z.strictObject({ name: Name }),
  reply: [201, OrganisationView],
  fails: { organisation_name_taken: "conflict" },
});

export const listProjects = lists({
  path: "/v1/projects",
  summary: "The projects that the caller may see.",
  needs: "caller:read",
  params: none,
  reply: z.object({ projects: z.array(ProjectView), next: Next }),
});

export const createProject = changes("POST", {
  path: "/v1/projects",
  summary: "A new project: instances of different projects do not see each other.",
  needs: "platform:operate",
  params: none,
  body: z.strictObject({ name: Name, organisation: OrganisationParam.default("default" as never) }), // By name.
  reply: [201, ProjectView],
  fails: { project_name_taken: "conflict", organisation_not_found: "not_found" },
});

export const createProjectIn = changes("POST", {
  path: "/v1/organisations/:organisation/projects",
  summary: "A new project of an organisation, for those who look after that.",
  needs: "organisation:grant",
  params: inOrganisation,
  body: z.strictObject({ name: Name }),
  reply: [201, ProjectView],
  fails: { project_name_taken: "conflict" },
});
