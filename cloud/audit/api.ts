/** What the world may ask about who asked for what. Pure declarations; edge/routes.ts answers them. */
import { none, reads } from "@holdfast/kernel/declare";
import { Cursor, Flag, inProject } from "@holdfast/kernel/shapes";
import { z } from "zod";

export const AuditView = z.object({
  seq: z.number().int(),
  at: z.number().describe("Milliseconds since the epoch."),
  requestId: z.string(),
  api: z
    .string()
    .describe("native, ec2, console, or local: what was done on the manager's machine."),
  method: z.string(),
  route: z.string().describe("As declared; what was asked for is `path`."),
  path: z.string(),
  decision: z.enum(["allowed", "refused", "failed"]),
  status: z.number().int(),
  code: z.string().nullable(),
  actor: z.string().nullable().describe("The account; null: nobody who is known."),
  credential: z.string().nullable().describe("Its access key or session."),
  source: z.string().nullable().describe("The address that it came from."),
  project: z.string().nullable(),
  milliseconds: z.number(),
  count: z.number().int().describe("How many requests alike this line stands for."),
  changes: z
    .array(
      z.object({
        at: z.number(),
        kind: z.string(),
        subject: z.string(),
        event: z.string(),
        from: z.string().nullable(),
        to: z.string().nullable(),
      }),
    )
    .describe("What the journal says it has changed, where `changes` was asked for."),
});
export type AuditView = z.output<typeof AuditView>;

const word = z
  .string()
  // What cannot be decoded arrives with a replacement character in it.
  .regex(
    /^[!-$&-~]{1,128}$/,
    "must be 1 to 128 letters, digits and signs of ASCII, but % and spaces",
  );
const query = z.strictObject({
  after: Cursor.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  actor: word.optional().describe("The account."),
  credential: word.optional().describe("The access key or session."),
  source: word.optional().describe("The address."),
  request: word.optional().describe("The id of the request."),
  route: word.optional().describe("A part of the declared route."),
  decision: z.enum(["allowed", "refused", "failed"]).optional(),
  onlyChanges: Flag.describe("Only what is not merely reading."),
  since: z.coerce.number().int().min(0).max(253_402_300_799_999).optional(),
  until: z.coerce.number().int().min(0).max(253_402_300_799_999).optional(),
  changes: Flag.describe("Also what each has changed."),
});
export type AuditQuery = z.output<typeof query>;

const Page = z.object({
  entries: z.array(AuditView).describe("The newest first."),
  next: z.string().nullable().describe("Give it back as `after` for what is older."),
});

export const readAudit = reads({
  path: "/v1/audit",
  summary: "Who asked for what on the whole platform, allowed or refused.",
  needs: "platform:audit",
  params: none,
  query,
  reply: Page,
  fails: { cursor_not_valid: "invalid" },
});

export const readProjectAudit = reads({
  path: "/v1/projects/:project/audit",
  summary: "Who asked for what in a project, allowed or refused.",
  needs: "project:audit",
  params: inProject,
  query,
  reply: Page,
  fails: { cursor_not_valid: "invalid" },
});
