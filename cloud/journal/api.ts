/** What the world may ask about everything that happens. Pure declarations; edge/routes.ts answers them. */
import { none, reads } from "@holdfast/kernel/declare";
import { Cursor, inProject } from "@holdfast/kernel/shapes";
import { z } from "zod";

export const JournalView = z.object({
  seq: z
    .number()
    .int()
    .describe("The number of the entry. Not the order of the stream: `next` is."),
  at: z.number().describe("Milliseconds since the epoch."),
  kind: z.string().describe("What it is about: instance, host, volume, network, …"),
  subject: z.string().describe("The id of that."),
  event: z.string(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  generation: z.number().int().nullable(),
  actor: z.string(),
  requestId: z.string().nullable(),
  job: z.string().nullable(),
  detail: z.unknown(),
});
export type JournalView = z.output<typeof JournalView>;

const query = z.strictObject({
  after: Cursor.optional(),
  from: z
    .enum(["beginning", "now"])
    .default("beginning")
    .describe("Where to begin without `after`."),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  waitSeconds: z.coerce.number().min(0).max(60).default(0),
});
const Page = z.object({
  events: z.array(JournalView),
  next: z.string().describe("Give it back as `after` to go on, at any manager and at any time."),
});

export const readProjectJournal = reads({
  path: "/v1/projects/:project/journal",
  summary:
    "What happens in a project, each event once. With `waitSeconds` it answers when something has happened, or after that time.",
  needs: "project:read",
  params: inProject,
  query,
  reply: Page,
  fails: { cursor_not_valid: "invalid" },
});

export const readJournal = reads({
  path: "/v1/journal",
  summary:
    "What happens on the whole platform, each event once. With `waitSeconds` it answers when something has happened, or after that time.",
  needs: "platform:read",
  params: none,
  query,
  reply: Page,
  fails: { cursor_not_valid: "invalid" },
});
