/** Organisations, projects, accounts, their roles and their keys. */
import { at, idOf, type Operation, type Stage } from "../operation.ts";

const robot = { name: "robot", role: "developer" };
const account = ({ must }: Stage) => must("POST", "/v1/accounts", { name: "anna" });
const organisation = ({ must }: Stage) => must("POST", "/v1/organisations", { name: "acme" });
const member =
  (where: string) =>
  ({ ask }: Stage) =>
    ask("PUT", `${where}/members/anna`, { role: "viewer" });
const gone =
  (where: string) =>
  ({ ask }: Stage) =>
    ask("DELETE", `${where}/members/anna`);
const joined = (where: string) => async (stage: Stage) => {
  await account(stage);
  await organisation(stage);
  await stage.must("PUT", `${where}/members/anna`, { role: "viewer" });
};
const key = (name: string) => `access_key where name = '${name}'`;

/** Its secret is shown once, in the answer: where that was lost, nobody can use the first one. */
const second = {
  is: "asked again, and given a second key",
  when: (more: readonly string[], less: readonly string[], isKept: boolean) =>
    isKept && more.length === 1 && less.length === 0 && more[0]?.startsWith("access key") === true,
};

export const accessOperations: readonly Operation[] = [
  {
    name: "organisation-create",
    act: ({ ask }) => ask("POST", "/v1/organisations", { name: "acme" }),
  },
  { name: "project-create", act: ({ ask }) => ask("POST", "/v1/projects", { name: "other" }) },
  {
    name: "project-create-in",
    prepare: organisation,
    act: ({ ask }) => ask("POST", "/v1/organisations/acme/projects", { name: "other" }),
  },
  { name: "account-create", act: ({ ask }) => ask("POST", "/v1/accounts", { name: "anna" }) },
  {
    name: "account-disable",
    prepare: account,
    act: ({ ask }) => ask("PATCH", "/v1/accounts/anna", { isDisabled: true }),
  },
  { name: "member-put", prepare: account, act: member("/v1") },
  { name: "member-remove", prepare: joined("/v1"), act: gone("/v1") },
  {
    name: "organisation-member-put",
    async prepare(stage) {
      await account(stage);
      await organisation(stage);
    },
    act: member("/v1/organisations/acme"),
  },
  {
    name: "organisation-member-remove",
    prepare: joined("/v1/organisations/acme"),
    act: gone("/v1/organisations/acme"),
  },
  { name: "project-member-put", prepare: account, act: member(at) },
  { name: "project-member-remove", prepare: joined(at), act: gone(at) },
  {
    name: "access-key-create",
    act: ({ ask }) => ask("POST", "/v1/keys", { name: "laptop" }),
    also: [second],
  },
  {
    name: "access-key-revoke",
    prepare: ({ must }) => must("POST", "/v1/keys", { name: "laptop" }),
    act: async ({ ask, world }) => ask("DELETE", `/v1/keys/${await idOf(world, key("laptop"))}`),
  },
  {
    name: "service-account-create",
    act: ({ ask }) => ask("POST", `${at}/service-accounts`, robot),
  },
  {
    name: "service-account-key-create",
    prepare: ({ must }) => must("POST", `${at}/service-accounts`, robot),
    act: async ({ ask, world }) =>
      ask("POST", `${at}/service-accounts/${await robotOf(world)}/keys`, { name: "ci" }),
    also: [second],
  },
  {
    name: "service-account-key-revoke",
    prepare: keyed,
    act: async ({ ask, world }) => {
      const id = await idOf(world, key("ci"));
      return ask("DELETE", `${at}/service-accounts/${await robotOf(world)}/keys/${id}`);
    },
  },
  {
    name: "account-key-revoke",
    prepare: keyed,
    act: async ({ ask, world }) => {
      const id = await idOf(world, key("ci"));
      return ask("DELETE", `/v1/accounts/${await robotOf(world)}/keys/${id}`);
    },
  },
  {
    name: "session-end",
    async prepare({ world }) {
      await world.sql.query(
        `insert into session (id, hash, account_id, created_at, last_used_at, expires_at, by)
         select gen_random_uuid(), 'of the operator', id, now(), now(), now() + interval '1 hour', 'password'
         from account where name = 'operator'`,
      );
    },
    act: async ({ ask, world }) => ask("DELETE", `/v1/sessions/${await idOf(world, "session")}`),
  },
  { name: "sign-on-set", act: ({ ask }) => ask("PUT", "/v1/single-sign-on", provider) },
  {
    name: "sign-on-remove",
    prepare: ({ must }) => must("PUT", "/v1/single-sign-on", provider),
    act: ({ ask }) => ask("DELETE", "/v1/single-sign-on"),
  },
  {
    name: "quota-set",
    act: ({ ask }) =>
      ask("PUT", "/v1/quotas", { project: "default", resource: "instances", most: 10 }),
  },
  {
    name: "tags-change",
    prepare: ({ must }) =>
      must("POST", `${at}/volumes`, { name: "data", sizeGiB: 1, tags: { a: "1" } }),
    act: ({ ask }) =>
      ask("PATCH", `${at}/tags`, {
        ...{ kind: "volume", thing: "data", set: { b: "2" }, remove: ["a"] },
      }),
  },
  {
    name: "required-tags",
    act: ({ ask }) => ask("PUT", `${at}/required-tags`, { tags: [{ key: "team", allowed: null }] }),
  },
  {
    name: "organisation-required-tags",
    prepare: organisation,
    act: ({ ask }) =>
      ask("PUT", "/v1/organisations/acme/required-tags", {
        tags: [{ key: "team", allowed: ["a", "b"] }],
      }),
  },
];

const provider = { issuer: "https://id.example", clientId: "cloud", clientSecret: "secret" };

const robotOf = (world: Stage["world"]) => idOf(world, "account where kind = 'service'");

async function keyed({ must, world }: Stage): Promise<void> {
  await must("POST", `${at}/service-accounts`, robot);
  await must("POST", `${at}/service-accounts/${await robotOf(world)}/keys`, { name: "ci" });
}
