/** Who may ask: projects and tokens. Operators only. */
import { route } from "@holdfast/kernel/route";
import { z } from "zod";

const ProjectName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, "must be 1 to 63 lower-case letters, digits and dashes");
export const ProjectView = z.object({ id: z.string(), name: z.string(), createdAt: z.number() });
const none = z.strictObject({});

export const listProjects = route({
  method: "GET",
  path: "/v1/projects",
  summary: "All projects.",
  needs: "platform:read",
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
  body: z.strictObject({ name: ProjectName }),
  reply: [201, ProjectView],
  fails: { project_name_taken: "conflict" },
});

export const createToken = route({
  method: "POST",
  path: "/v1/tokens",
  summary: "A token for the API. It is shown once; only its hash is kept.",
  needs: "platform:operate",
  params: none,
  query: none,
  body: z.strictObject({
    name: z.string().min(1).max(63),
    project: ProjectName.optional().describe(
      "The only project it may touch. Absent: an operator's token.",
    ),
  }),
  reply: [201, z.object({ token: z.string(), name: z.string(), project: z.string().nullable() })],
  fails: { project_not_found: "not_found" },
});
