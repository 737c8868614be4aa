/**
 * Who may ask for what: organisations and their projects, accounts, roles on them, and the keys they come with.
 *
 * What one may not see is answered as if it were not there, also here: a list shows what the caller may see of it.
 */
export * from "./api/accounts.ts";
export * from "./api/keys.ts";
export * from "./api/members.ts";
export * from "./api/projects.ts";
export * from "./api/sessions.ts";
export * from "./api/single-sign-on.ts";
