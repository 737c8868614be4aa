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
  readonly csrf: string;
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

test("the provider is asked for the scopes that were set, and for the usual ones where none were", async () => {
  const asked = async () => {
    const response = await fetch(`${at}/v1/sign-on`, { redirect: "manual" });
    return new URL(response.headers.get("location") ?? "").searchParams.get("scope");
  };
  assert.equal(await asked(), "openid profile email");
  const body = { issuer: real.issuer, clientId: client.id, clientSecret: client.secret, mapping };
  const set = { ...body, scopes: ["email", "roles", "openid"] };
  const { body: view } = await platform.call<{ scopes: string[] }>(
    "PUT",
    "/v1/single-sign-on",
    set,
  );
  assert.deepEqual(view.scopes, ["email", "roles", "openid"]);
  assert.equal(await asked(), "openid email roles");
  await use(real);
  assert.equal(await asked(), "openid profile email");
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
  const again = await mine.go(url.href, isHome);
  assert.equal(again.status, 401);
  assert.match(again.text, /sign_on_refused/);
});

test("nobody can have another's browser finish what they began: it would be signed in there as them", async () => {
  const { url } = await browser().go(`${at}/v1/sign-on`, isBack);
  const victim = browser();
  const foreign = await victim.go(url.href, isHome);
  assert.equal(foreign.status, 401);
  assert.match(foreign.text, /sign_on_refused/);
  await victim.go(`${at}/v1/sign-on`, isBack);
  assert.equal(
    (await victim.go(url.href, isHome)).status,
    401,
    "nor after it has begun one itself",
  );
  assert.doesNotMatch(victim.cookieOf(at), /holdfast_session/);
});

test("who has come by single sign-on is in the audit log, can change things, and has no password here", async () => {
  person = { sub: "u-3", email: "eve@example.org", groups: ["web"] };
  const mine = browser();
  await mine.go(`${at}/v1/sign-on`, isHome);
  const cookie = mine.cookieOf(at);
  const me = (await (await fetch(`${at}/v1/me`, { headers: { cookie } })).json()) as Me;
  assert.ok(me.csrf, "a page that was loaded just now learns what it must send");
  const change = (method: string, path: string, body: object) =>
    fetch(`${at}${path}`, {
      method,
      headers: { cookie, "content-type": "application/json", "x-holdfast-csrf": me.csrf },
      body: JSON.stringify(body),
    });
  const made = await change("POST", "/v1/projects/default/networks", { name: "hers" });
  assert.equal(made.status, 201);
  const password = "correct horse battery";
  assert.equal((await change("PUT", "/v1/me/password", { password })).status, 409);
  const reset = await platform.call("POST", "/v1/accounts/eve@example.org/password", {});
  assert.equal(reset.status, 409);
  type Line = { actor: string; changes: { event: string }[] };
  const { body } = await platform.call<{ entries: Line[] }>(
    "GET",
    "/v1/audit?route=/v1/sign-on/callback&actor=eve@example.org&changes=true",
  );
  assert.deepEqual(
    body.entries[0]?.changes.map(({ event }) => event),
    ["signedOn", "signedIn"],
  );
});

test("without the provider, or with another one, the roles and the sessions that it gave are gone", async () => {
  person = { sub: "u-4", email: "finn@example.org", groups: ["admins"] };
  const status = async (cookie: string) =>
    (await fetch(`${at}/v1/accounts`, { headers: { cookie } })).status;
  const given = async () => platform.database.query("select from membership where source = 'sso'");
  for (const end of [
    () => platform.call("DELETE", "/v1/single-sign-on"),
    () => use({ issuer: "http://127.0.0.1:9", close: async () => {} }),
  ]) {
    await use(real);
    const mine = browser();
    await mine.go(`${at}/v1/sign-on`, isHome);
    assert.equal(await status(mine.cookieOf(at)), 200);
    await use(real); // The same one again is no other.
    assert.equal(await status(mine.cookieOf(at)), 200);
    await end();
    assert.equal(await status(mine.cookieOf(at)), 401);
    assert.deepEqual(await given(), []);
  }
  await use(real);
});

test("one that comes back too late is refused", async () => {
  const mine = browser();
  const { url } = await mine.go(`${at}/v1/sign-on`, isBack);
  await platform.database.query("update sign_on set began_at = began_at - interval '11 minutes'");
  assert.equal((await mine.go(url.href, isHome)).status, 401);
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

test("one that tells names and groups only when it is asked is asked", async () => {
  const shy = await realProvider(`${at}/v1/sign-on/callback`, () => person, "when asked");
  await use(shy);
  person = { sub: "u-5", email: "gil@example.org", groups: ["web"] };
  const me = await signOn();
  await shy.close();
  assert.equal(me.account, "gil@example.org");
  assert.deepEqual(me.grants, [{ role: "developer", on: "project", name: "default" }]);
});

test("what is the provider's fault is no fault of whoever signs in", async () => {
  await use(liar);
  lie = { isAway: true };
  const away = await browser().go(`${at}/v1/sign-on`, isHome);
  assert.equal(away.status, 503);
  assert.match(away.text, /sign_on_failed/);
  lie = { claims: { aud: "somebody-else" } };
  assert.match((await browser().go(`${at}/v1/sign-on`, isHome)).text, /its aud is not/);
  lie = {};
  const body = { issuer: real.issuer, clientId: client.id, clientSecret: "not the right one" };
  await platform.call("PUT", "/v1/single-sign-on", body);
  const unknown = await browser().go(`${at}/v1/sign-on`, isHome);
  assert.equal(unknown.status, 503);
  assert.match(unknown.text, /sign_on_failed.*secret/);
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
