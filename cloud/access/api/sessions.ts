/** Passwords and sessions: for people, and the pages that they use. */
import { changes, none, reads, removes } from "@holdfast/kernel/declare";
import { z } from "zod";
import { AccountName, AccountParam } from "./words.ts";

const Password = z.string().min(1).max(1_024);

const NewPassword = z
  .string()
  .min(12, "must be 12 characters or more")
  .max(1_024)
  .describe("12 characters or more; what kinds they are does not matter.");

const SessionParam = z.string().regex(/^[a-z0-9-]{1,63}$/, "must be a session's id");

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

export const signIn = changes("POST", {
  path: "/v1/sessions",
  summary:
    "Sign in with a password. The session is a cookie, and a word to send with every change.",
  needs: "public",
  params: none,
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

export const listSessions = reads({
  path: "/v1/sessions",
  summary: "Where the caller is signed in.",
  needs: "caller:manage",
  params: none,
  reply: z.object({ sessions: z.array(SessionView) }),
});

export const endSession = removes({
  path: "/v1/sessions/:session",
  summary: "Sign out: here, with `current`, or somewhere else.",
  needs: "caller:manage",
  params: z.object({ session: SessionParam }),
  reply: SessionView,
  fails: { session_not_found: "not_found" },
});

const ofAccount = z.object({ account: AccountParam });

export const listSessionsOfAccount = reads({
  path: "/v1/accounts/:account/sessions",
  summary: "Where somebody is signed in.",
  needs: "platform:grant",
  params: ofAccount,
  reply: z.object({ sessions: z.array(SessionView) }),
  fails: { account_not_found: "not_found" },
});

export const endSessionOfAccount = removes({
  path: "/v1/accounts/:account/sessions/:session",
  summary: "Sign somebody out, at once.",
  needs: "platform:grant",
  params: ofAccount.extend({
    session: SessionParam,
  }),
  reply: SessionView,
  fails: { account_not_found: "not_found", session_not_found: "not_found" },
});

export const changePassword = changes("PUT", {
  path: "/v1/me/password",
  summary: "A new password for the caller. Whoever is signed in elsewhere is signed out.",
  needs: "caller:manage",
  params: none,
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

export const resetPassword = changes("POST", {
  path: "/v1/accounts/:account/password",
  summary: "A password for somebody who has none, or has lost it. It is shown once.",
  needs: "platform:grant",
  params: z.object({ account: AccountParam }),
  body: z.strictObject({}),
  reply: [200, z.object({ account: z.string(), password: z.string() })],
  fails: { account_not_found: "not_found", no_password: "conflict", busy: "unavailable" },
});
