/** Accounts: people, and the programs of projects. */
import { changes, lists, none } from "@holdfast/kernel/declare";
import { inProject, Next } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { AccountName, AccountParam, Name, RoleParam } from "./words.ts";

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

export const listAccounts = lists({
  path: "/v1/accounts",
  summary: "All accounts: people, and programs.",
  needs: "platform:grant",
  params: none,
  reply: z.object({ accounts: z.array(AccountView), next: Next }),
});

export const createAccount = changes("POST", {
  path: "/v1/accounts",
  summary: "A new user. It may do nothing until it is given a role.",
  needs: "platform:grant",
  params: none,
  body: z.strictObject({ name: AccountName }),
  reply: [201, AccountView],
  fails: { account_name_taken: "conflict" },
});

export const changeAccount = changes("PATCH", {
  path: "/v1/accounts/:account",
  summary: "Shut an account out, or let it in again. Its keys do nothing meanwhile.",
  needs: "platform:grant",
  params: z.object({ account: AccountParam }),
  body: z.strictObject({ isDisabled: z.boolean() }),
  reply: [200, AccountView],
  fails: { account_not_found: "not_found", last_owner: "conflict" },
});

export const listServiceAccounts = lists({
  path: "/v1/projects/:project/service-accounts",
  summary: "The programs that may ask in the name of a project.",
  needs: "project:grant",
  params: inProject,
  reply: z.object({ accounts: z.array(AccountView), next: Next }),
});

export const createServiceAccount = changes("POST", {
  path: "/v1/projects/:project/service-accounts",
  summary: "A new account for a program, with a role on the project: NAME@PROJECT.",
  needs: "project:grant",
  params: inProject,
  body: z.strictObject({ name: Name, role: RoleParam }),
  reply: [201, AccountView],
  fails: { account_name_taken: "conflict" },
});
