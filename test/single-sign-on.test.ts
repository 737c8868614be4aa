/** Single sign-on with a real provider, and with one that lies. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { stopTestServer } from "@holdfast/store/testing";
import {
  browser,
  client,
  type Lie,
  lyingProvider,
  type Person,
  realProvider,
  type TestProvider,
} from "./oidc.ts";
import { type Platform, startPlatform } from "./platform.ts";

let platform: Platform;
let at: string;
let real: TestProvider;
let liar: TestProvider;
let person: Person = { sub: "u-1", email: "Ada@example.org", groups: ["web", "readers"] };
let lie: Lie = {};
before(async () => {
  platform = await startPlatform();
  at = `http://127.0.0.1:${platform.managers[0]?.apiPort}`;
  real = await realProvider(`${at}/v1/sign-on/callback`, () => person);
  liar = await lyingProvider(() => lie);
});
after(async () => {
  await real.close();
  await liar.close();
  await platform.close();
  await stopTestServer();
});

const mapping = [
  { group: "web", role: "developer", project: "default" },
  { group: "readers", role: "viewer", project: "default" },
  { group: "admins", role: "owner" },
];
const use = async ({ issuer }: TestProvider) => {
  const body = { issuer, clientId: client.id, clientSecret: client.secret, mapping };
  const { status } = await platform.call("PUT", "/v1/single-sign-on", body);
  assert.equal(status, 200);
};

interface Me {
  readonly account: string;
  readonly grants: readonly { readonly role: string; readonly on: string }[];
}
const isBack = (url: URL) => url.pathname === "/v1/sign-on/callback";
const isHome = (url: URL) => url.pathname === "/";

/** Signs in, all the way. */
async function signOn(): Promise<Me> {
  const mine = browser();
  const { status, text } = await mine.go(`${at}/v1/sign-on`, isHome);
  assert.equal(status, 0, text);
  const response = await fetch(`${at}/v1/me`, { headers: { cookie: mine.cookieOf(at) } });
  assert.equal(response.status, 200);
  return (await response.json()) as Me;
}

test("the first sign-in makes the account, with the roles that its groups are worth, and the strongest of them", async () => {
  await use(real);
  const me = await signOn();
  assert.equal(me.account, "ada@example.org");
  assert.deepEqual(me.grants, [{ role: "developer", on: "project", name: "default" }]);
});

test("at the next one the roles are those that the groups have now; what people here have given stays", async () => {
  const account = "/v1/projects/default/members/ada@example.org";
  await platform.call("PUT", account, { role: "auditor" });
  person = { ...person, groups: ["admins"] };
  const promoted = await signOn();
  assert.deepEqual(promoted.grants.map(({ role, on }) => `${role} ${on}`).sort(), [
    "auditor project",
    "owner platform",
  ]);
  person = { ...person, groups: [] };
  const left = await signOn();
  assert.deepEqual(
    left.grants.map(({ role }) => role),
    ["auditor"],
  );
  const accounts = await platform.database.query(
    "select name from account where issuer is not null",
  );
  assert.equal(accounts.length, 1, "and it is the same account");
});

test("a name that somebody here has is not given to a stranger who claims it", async () => {
  await platform.call("POST", "/v1/accounts", { name: "root@example.org" });
  person = { sub: "u-2", email: "root@example.org", groups: ["web"] };
  const { status, text } = await browser().go(`${at}/v1/sign-on`, isHome);
  assert.equal(status, 401);
  assert.match(text, /sign_on_refused/);
});

test("who is shut out here is out, whatever the provider says", async () => {
  person = { sub: "u-1", email: "ada@example.org", groups: ["admins"] };
  await platform.call("PATCH", "/v1/accounts/ada@example.org", { isDisabled: true });
  const { status, text } = await browser().go(`${at}/v1/sign-on`, isHome);
  assert.equal(status, 401);
  assert.match(text, /sign_on_refused/);
  await platform.call("PATCH", "/v1/accounts/ada@example.org", { isDisabled: false });
});

test("an answer of the provider is good once, and only where somebody here has asked for it", async () => {
  const mine = browser();
  const { url } = await mine.go(`${at}/v1/sign-on`, isBack);
  const state = new URL(url);
  state.searchParams.set("state", "made-up");
  const invented = await browser().go(state.href, isHome);
  assert.equal(invented.status, 401);
  assert.equal((await mine.go(url.href, isHome)).status, 0, "the first time");
  const again = await browser().go(url.href, isHome);
  assert.equal(again.status, 401);
  assert.match(again.text, /sign_on_refused/);
});

test("one that comes back too late is refused", async () => {
  const { url } = await browser().go(`${at}/v1/sign-on`, isBack);
  await platform.database.query("update sign_on set began_at = began_at - interval '11 minutes'");
  assert.equal((await browser().go(url.href, isHome)).status, 401);
});

test("what a provider must not say is not believed: another issuer, audience or nonce, an old one, a forged one", async () => {
  await use(liar);
  assert.equal((await signOn()).account, "liar@example.org", "the truth is");
  const now = Math.floor(Date.now() / 1_000);
  const lies: Readonly<Record<string, Lie>> = {
    issuer: { claims: { iss: "http://elsewhere.example.org" } },
    audience: { claims: { aud: "somebody-else" } },
    expired: { claims: { exp: now - 600, iat: now - 1_200 } },
    nonce: { claims: { nonce: "of another sign-in" } },
    "no nonce": { claims: { nonce: undefined } },
    forged: { isForged: true },
    "no subject": { claims: { sub: undefined } },
  };
  for (const [what, told] of Object.entries(lies)) {
    lie = told;
    const { status, text } = await browser().go(`${at}/v1/sign-on`, isHome);
    assert.equal(status, 401, `${what}: ${text}`);
    assert.match(text, /sign_on_refused/, what);
  }
  lie = {};
});

test("a provider that is away is said to be, and without one there is no such sign-in", async () => {
  await use({ issuer: "http://127.0.0.1:9", close: async () => {} });
  const away = await browser().go(`${at}/v1/sign-on`, isHome);
  assert.equal(away.status, 503);
  assert.match(away.text, /sign_on_failed/);
  await platform.call("DELETE", "/v1/single-sign-on");
  assert.match((await browser().go(`${at}/v1/sign-on`, isHome)).text, /sign_on_unset/);
});

test("a provider that others could listen to is refused, and its secret is kept sealed", async () => {
  const body = { issuer: "http://sso.example.org", clientId: "x", clientSecret: client.secret };
  const { status } = await platform.call("PUT", "/v1/single-sign-on", body);
  assert.equal(status, 400);
  await use(real);
  for (const table of ["single_sign_on", "journal", "audit"]) {
    const rows = await platform.database.query<{ text: string }>(
      `select t::text as text from ${table} t`,
    );
    for (const { text } of rows) assert.ok(!text.includes(client.secret), table);
  }
});
