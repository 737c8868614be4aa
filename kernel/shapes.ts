/** Shapes that several APIs share: how things are named in a path, and how a failure looks. */
import { z } from "zod";
import type { OrganisationId, ProjectId } from "./ids.ts";

/** A project is named by its name or its id. */
export const ProjectParam = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be a project's name or id")
  .transform((text) => text as ProjectId); // Looked up before any handler sees it.

/** The parameters of a path that names a project; extended by what else it names. */
export const inProject = z.object({ project: ProjectParam });

/** An organisation is named by its name or its id. */
export const OrganisationParam = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be an organisation's name or id")
  .transform((text) => text as OrganisationId); // Looked up before any handler sees it.

/** How a thing of a project is named in a path or a body: by its name or its id. */
export const NameOrId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be a name or an id");

/** What an operator may call a type, a zone, a tag, a group. */
export const Label = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}$/,
    "must be 1 to 63 letters, digits and . _ : / -, and begin with a letter or digit",
  );

/** Yes or no in a query, which has only texts. No, unless it is said. */
export const Flag = z
  .enum(["true", "false"])
  .default("false")
  .transform((text) => text === "true");

/** A Problem as it travels; see problem.ts. */
export const ProblemShape = z.object({
  kind: z.string(),
  code: z.string().describe("Stable; each has a page in docs/problems."),
  message: z.string(),
  fix: z.string().optional().describe("What to do or type next."),
  faults: z.array(z.object({ field: z.string(), reason: z.string() })).optional(),
  retryAfterSeconds: z.number().optional(),
  facts: z.record(z.string(), z.unknown()).optional(),
});

/** Where the page before ended. Opaque: written by the list itself, and refused by any other. */
export const Cursor = z
  .string()
  .max(400)
  .describe("The `next` of the page before, as it was given.");

/** The query of a list, and with `Next` its reply: a page at a time, each beginning where the one before ended. */
export const Page = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(1_000),
  after: Cursor.optional(),
});
export const Next = z
  .string()
  .nullable()
  .describe("Where the next page begins: give it back as `after`. Null: this was the last.");
