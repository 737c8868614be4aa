/** Access keys: of the caller, of programs, and of anybody. */
import { changes, none, reads, removes } from "@holdfast/kernel/declare";
import { inProject, ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { AccountParam, KeyIdParam } from "./words.ts";

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

const ofServiceAccount = inProject.extend({ serviceAccount: AccountParam });

export const listServiceAccountKeys = reads({
  path: "/v1/projects/:project/service-accounts/:serviceAccount/keys",
  summary: "The access keys of a service account.",
  needs: "project:grant",
  params: ofServiceAccount,
  reply: z.object({ keys: z.array(KeyView) }),
  fails: { account_not_found: "not_found" },
});

export const createServiceAccountKey = changes("POST", {
  path: "/v1/projects/:project/service-accounts/:serviceAccount/keys",
  summary: "An access key for a service account. Its secret is shown once.",
  needs: "project:grant",
  params: ofServiceAccount,
  body: KeyRequest,
  reply: [201, NewKey],
  fails: { account_not_found: "not_found", too_many_keys: "exhausted" },
});

export const revokeServiceAccountKey = removes({
  path: "/v1/projects/:project/service-accounts/:serviceAccount/keys/:accessKey",
  summary: "Make an access key of a service account worthless, at once.",
  needs: "project:grant",
  params: ofServiceAccount.extend({ accessKey: KeyIdParam }),
  reply: KeyView,
  fails: { account_not_found: "not_found", access_key_not_found: "not_found" },
});

export const listAccessKeys = reads({
  path: "/v1/keys",
  summary: "The access keys of the caller.",
  needs: "caller:manage",
  params: none,
  reply: z.object({ keys: z.array(KeyView) }),
});

export const createAccessKey = changes("POST", {
  path: "/v1/keys",
  summary: "An access key for the caller. Its secret is shown once.",
  needs: "caller:manage",
  params: none,
  body: KeyRequest.extend({
    project: ProjectParam.optional().describe(
      "The only project that it is for, whatever else the caller may touch.",
    ),
  }),
  reply: [201, NewKey],
  fails: { project_not_found: "not_found", too_many_keys: "exhausted" },
});

export const revokeAccessKey = removes({
  path: "/v1/keys/:accessKey",
  summary: "Make an access key of the caller worthless, at once.",
  needs: "caller:manage",
  params: z.object({ accessKey: KeyIdParam }),
  reply: KeyView,
  fails: { access_key_not_found: "not_found" },
});

export const listKeysOfAccount = reads({
  path: "/v1/accounts/:account/keys",
  summary: "The access keys of any account.",
  needs: "platform:grant",
  params: z.object({ account: AccountParam }),
  reply: z.object({ keys: z.array(KeyView) }),
  fails: { account_not_found: "not_found" },
});

export const revokeKeyOfAccount = removes({
  path: "/v1/accounts/:account/keys/:accessKey",
  summary: "Make an access key of any account worthless, at once.",
  needs: "platform:grant",
  params: z.object({ account: AccountParam, accessKey: KeyIdParam }),
  reply: KeyView,
  fails: { account_not_found: "not_found", access_key_not_found: "not_found" },
});
