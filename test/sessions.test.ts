/** People: passwords, sessions, what protects those from other pages, and how guessing is slowed down. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { sharedPlatform, until } from "./platform.ts";

let at: string;
const platform = await sharedPlatform();
before(async () => {
  await platform.call("PUT", "/v1/settings/access.sign_ins", { value: 10_000 });
  at = `http://127.0.0.1:${platform.managers[0]?.apiPort}`;
});

interface Body {
  readonly code?: string;
  readonly csrf: string;
  readonly password: string;
  readonly sessions: readonly { readonly id: string; readonly isCurrent: boolean }[];
  readonly projects: readonly { readonly name: string }[];
}
interface Reply {
  readonly status: number;
  readonly body: Body;
  readonly cookie: string;
  readonly headers: Headers;
}

async function ask(
  method: string,
  path: string,
  { body, ...headers }: Record<string, unknown> = {},
): Promise<Reply> {
  const json = body === undefined ? {} : { "content-type": "application/json" };
  const response = await fetch(`${at}${path}`, {
    method,
    headers: { ...json, ...(headers as Record<string, string>) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const cookie = response.headers.get("set-cookie") ?? "";
  return {
    status: response.status,
    body: (await response.json()) as Body,
    cookie,
    headers: response.headers,
  };
}

/** Somebody with a role on the project `default`, and their password. */
async function newcomer(name: string, role = "developer"): Promise<string> {
  await platform.call("POST", "/v1/accounts", { name });
  await platform.call("PUT", `/v1/projects/default/members/${name}`, { role });
  const path = `/v1/accounts/${name}/password`;
  return (await platform.call<Body>("POST", path, {})).body.password;
}

async function signIn(account: string, password: string) {
  const reply = await ask("POST", "/v1/sessions", { body: { account, password } });
  const cookie = reply.cookie.split(";")[0] ?? "";
  return { ...reply, session: { cookie }, mine: { cookie, "x-holdfast-csrf": reply.body.csrf } };
}

test("whoever signs in has a cookie that only the browser reads, and may do what their roles allow", async () => {
  const { status, cookie, session } = await signIn("ada", await newcomer("ada"));
  assert.equal(status, 201);
  for (const part of ["HttpOnly", "SameSite=Strict", "Path=/"])
    assert.ok(cookie.includes(part), part);
  const { body } = await ask("GET", "/v1/projects", session);
  assert.deepEqual(
    body.projects.map(({ name }) => name),
    ["default"],
  );
  assert.equal((await ask("GET", "/v1/hosts", session)).status, 403);
  assert.equal((await ask("GET", "/v1/projects", { cookie: `${session.cookie}x` })).status, 401);
});

test("another page can make the browser send the cookie, and changes nothing with it", async () => {
  const { session, mine } = await signIn("bob", await newcomer("bob"));
  const network = (name: string, headers: object) =>
    ask("POST", "/v1/projects/default/networks", { ...headers, body: { name } });
  const stranger = await network("stranger", session);
  assert.deepEqual([stranger.status, stranger.body.code], [403, "csrf_missing"]);
  const guess = await network("guess", { ...session, "x-holdfast-csrf": "guess" });
  assert.equal(guess.body.code, "csrf_missing");
  const other = await signIn("cy", await newcomer("cy"));
  const theirs = await network("theirs", { ...session, "x-holdfast-csrf": other.body.csrf });
  assert.equal(theirs.body.code, "csrf_missing");
  assert.equal((await network("ours", mine)).status, 201);
});

test("a session is listed, and is over at once when it is ended, here or from elsewhere", async () => {
  const password = await newcomer("dora");
  const [here, there] = [await signIn("dora", password), await signIn("dora", password)];
  const { body } = await ask("GET", "/v1/sessions", here.session);
  assert.equal(body.sessions.length, 2);
  const other = body.sessions.find(({ isCurrent }) => !isCurrent)?.id;
  assert.equal((await ask("DELETE", `/v1/sessions/${other}`, here.mine)).status, 200);
  assert.equal((await ask("GET", "/v1/me", there.session)).status, 401);
  const out = await ask("DELETE", "/v1/sessions/current", here.mine);
  assert.match(out.cookie, /holdfast_session=;.*Max-Age=0/);
  assert.equal((await ask("GET", "/v1/me", here.session)).status, 401);
});

test("a session that is idle for too long is over, and so is one that is too old however much it is used", async () => {
  const password = await newcomer("eve");
  for (const [column, ago] of [
    ["last_used_at", "2 hours"],
    ["expires_at", "1 second"],
  ] as const) {
    const { session } = await signIn("eve", password);
    assert.equal((await ask("GET", "/v1/me", session)).status, 200);
    await platform.database.query(
      `update session set ${column} = now() - interval '${ago}' where ended_at is null`,
    );
    assert.equal((await ask("GET", "/v1/me", session)).status, 401, column);
  }
});

test("a new password needs the old one, and ends every session but this", async () => {
  const current = await newcomer("finn");
  const [here, there] = [await signIn("finn", current), await signIn("finn", current)];
  const path = "/v1/me/password";
  const password = "correct horse battery";
  const wrong = await ask("PUT", path, { ...here.mine, body: { current: "wrong", password } });
  assert.equal(wrong.body.code, "sign_in_refused");
  assert.equal((await ask("PUT", path, { ...here.mine, body: { password } })).status, 401);
  const short = await ask("PUT", path, { ...here.mine, body: { current, password: "short" } });
  assert.equal(short.body.code, "invalid_request");
  assert.equal((await ask("PUT", path, { ...here.mine, body: { current, password } })).status, 200);
  assert.equal((await ask("GET", "/v1/me", here.session)).status, 200);
  assert.equal((await ask("GET", "/v1/me", there.session)).status, 401);
  assert.equal((await signIn("finn", current)).status, 401);
  assert.equal((await signIn("finn", password)).status, 201);
  const [row] = await platform.database.query<{ hash: string }>(
    "select password_hash as hash from account where name = 'finn'",
  );
  assert.match(row?.hash ?? "", /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
});

test("a wrong password and a name that nobody has are refused in the same words", async () => {
  await newcomer("gil");
  await platform.call("POST", "/v1/accounts", { name: "hank" }); // Has no password.
  const [wrong, none, unset] = [
    await signIn("gil", "not the password"),
    await signIn("nobody-at-all", "not the password"),
    await signIn("hank", "not the password"),
  ];
  assert.equal(wrong.status, 401);
  assert.deepEqual(wrong.body, none.body);
  assert.deepEqual(wrong.body, unset.body);
});

test("who is shut out is out: their sessions, their keys and their password", async () => {
  const password = await newcomer("ida");
  const { session, mine } = await signIn("ida", password);
  const made = await ask("POST", "/v1/keys", { ...mine, body: { name: "k" } });
  const key = { authorization: `Bearer ${(made.body as unknown as { token: string }).token}` };
  assert.equal((await ask("GET", "/v1/me", key)).status, 200);
  await platform.call("PATCH", "/v1/accounts/ida", { isDisabled: true });
  assert.equal((await ask("GET", "/v1/me", session)).status, 401);
  assert.equal((await ask("GET", "/v1/me", key)).status, 401);
  assert.equal((await signIn("ida", password)).status, 401);
});

test("whoever guesses is slowed down and told for how long, also with the right password", async () => {
  const password = await newcomer("jo");
  await platform.call("PUT", "/v1/settings/access.sign_ins", { value: 5 });
  const tries = [];
  for (let index = 0; index < 7; index++) tries.push(await signIn("jo", `guess ${index}`));
  const last = await signIn("jo", password);
  assert.equal(last.status, 429);
  assert.equal(last.body.code, "rate_limited");
  assert.ok(Number(last.headers.get("retry-after")) >= 1);
  assert.ok(tries.some(({ status }) => status === 429));
  await platform.call("PUT", "/v1/settings/access.sign_ins", { value: 10_000 });
});

test("who signs in with a password is in the audit log by name, and who is guessed at in the journal", async () => {
  const password = await newcomer("lea");
  const { body: begun } = await signIn("lea", password);
  await signIn("lea", "not the password");
  type Line = {
    actor: string | null;
    credential: string;
    code: string;
    changes: { event: string }[];
  };
  const lines = async (query: string) =>
    (
      await platform.call<{ entries: Line[] }>(
        "GET",
        `/v1/audit?route=/v1/sessions&changes=true&${query}`,
      )
    ).body.entries;
  const [line] = await lines("actor=lea");
  assert.equal(line?.credential, (begun as unknown as { id: string }).id);
  assert.deepEqual(
    line?.changes.map(({ event }) => event),
    ["signedIn"],
  );
  await until("the guess is told", async () =>
    (await lines("decision=refused")).some(
      ({ actor, code, changes }) =>
        actor === null &&
        code === "sign_in_refused" &&
        changes.some(({ event }) => event === "signInRefused"),
    ),
  );
});

test("a page that is loaded again learns what it must send; one with a key has no use for it", async () => {
  const { session, mine } = await signIn("mia", await newcomer("mia"));
  const { body } = await ask("GET", "/v1/me", session);
  assert.equal(body.csrf, mine["x-holdfast-csrf"]);
  const { body: byKey } = await platform.call<Body>("GET", "/v1/me", undefined, session);
  assert.equal(byKey.csrf, null);
});

test("an owner sees and ends the sessions of others, and nobody else does", async () => {
  const theirs = await signIn("nia", await newcomer("nia"));
  const other = await signIn("ole", await newcomer("ole", "owner"));
  const path = "/v1/accounts/nia/sessions";
  assert.equal((await ask("GET", path, other.session)).status, 403);
  const { body } = await platform.call<Body>("GET", path);
  const [one] = body.sessions;
  assert.equal(body.sessions.length, 1);
  assert.equal((await ask("DELETE", `${path}/${one?.id}`, other.mine)).status, 403);
  assert.equal((await platform.call("DELETE", `/v1/accounts/ole/sessions/${one?.id}`)).status, 404);
  assert.equal((await platform.call("DELETE", `${path}/${one?.id}`)).status, 200);
  assert.equal((await ask("GET", "/v1/me", theirs.session)).status, 401);
});

test("a proxy that is named is believed about whom it asks for and over what, and nobody else is", async () => {
  const password = await newcomer("pat");
  const asPat = (source: string) => ({
    body: { account: "pat", password },
    ...{ "x-forwarded-proto": "https", "x-forwarded-for": source },
  });
  const sourceOfLast = async () => {
    const { body } = await platform.call<{ sessions: { source: string }[] }>(
      "GET",
      "/v1/accounts/pat/sessions",
    );
    return body.sessions[0]?.source;
  };
  const unbelieved = await ask("POST", "/v1/sessions", asPat("192.0.2.7"));
  assert.doesNotMatch(unbelieved.cookie, /Secure/);
  assert.equal(await sourceOfLast(), "127.0.0.1");
  const name = "/v1/settings/access.proxies";
  await platform.call("PUT", name, { value: "127.0.0.1 10.0.0.9" });
  const believed = await ask("POST", "/v1/sessions", asPat("203.0.113.1, 192.0.2.7, 10.0.0.9"));
  assert.match(believed.cookie, /; Secure/);
  assert.equal(await sourceOfLast(), "192.0.2.7", "what that one says of others is its word");
  const plain = await ask("POST", "/v1/sessions", {
    ...asPat("192.0.2.7"),
    "x-forwarded-proto": "http",
  });
  assert.doesNotMatch(plain.cookie, /Secure/);
  await platform.call("PUT", name, { value: null });
});

test("an address from which too much comes without a key waits, and a good key from there does not", async () => {
  await platform.call("PUT", "/v1/settings/access.nobody_burst", { value: 3 });
  await platform.call("PUT", "/v1/settings/access.nobody_rate", { value: 0.5 });
  const statuses = [];
  for (let index = 0; index < 6; index++) statuses.push((await ask("GET", "/v1/me")).status);
  assert.equal(statuses.at(-1), 429);
  assert.equal((await platform.call("GET", "/v1/me")).status, 200);
  for (const name of ["access.nobody_rate", "access.nobody_burst"])
    await platform.call("PUT", `/v1/settings/${name}`, { value: null });
});

test("a key that asks too often waits, and another does not", async () => {
  const keys: string[] = [];
  for (const name of ["fast", "slow"])
    keys.push((await platform.call<{ token: string }>("POST", "/v1/keys", { name })).body.token);
  await platform.call("PUT", "/v1/settings/access.burst", { value: 5 });
  await platform.call("PUT", "/v1/settings/access.rate", { value: 0.5 });
  const as = (index: number) => ({ authorization: `Bearer ${keys[index]}` });
  const replies = [];
  for (let index = 0; index < 8; index++) replies.push(await ask("GET", "/v1/me", as(0)));
  const refused = replies.find(({ status }) => status === 429);
  assert.equal(refused?.body.code, "rate_limited");
  assert.ok(Number(refused?.headers.get("retry-after")) >= 1);
  assert.equal((await ask("GET", "/v1/me", as(1))).status, 200);
  await platform.database.query(
    "delete from setting where name in ('access.rate', 'access.burst')",
  );
});

test("a key that is over, revoked or half wrong is refused in the same words", async () => {
  await platform.stopManager(0);
  await platform.startManager(0); // Forgets how often anybody has asked.
  const make = async (name: string) =>
    (await platform.call<{ token: string; accessKey: string }>("POST", "/v1/keys", { name })).body;
  const [over, revoked, half] = [await make("over"), await make("revoked"), await make("half")];
  const as = (token: string) => ask("GET", "/v1/me", { authorization: `Bearer ${token}` });
  assert.equal((await as(over.token)).status, 200);
  await platform.database.query("update access_key set expires_at = now() where id = $1", [
    over.accessKey,
  ]);
  await platform.call("DELETE", `/v1/keys/${revoked.accessKey}`);
  const refusals = [
    await as(over.token),
    await as(revoked.token),
    await as(`${half.token}x`),
    await as("HFNOBODYNOBODY:secret"),
  ];
  for (const { status, body } of refusals) {
    assert.equal(status, 401);
    assert.deepEqual(body, refusals[0]?.body);
  }
});

test("what is in the database is of no use to whoever reads it", async () => {
  const { body } = await platform.call<{ secret: string }>("POST", "/v1/keys", { name: "sealed" });
  const { cookie } = await signIn("kim", await newcomer("kim"));
  const secret = /holdfast_session=([\w-]+)/.exec(cookie)?.[1] ?? "none";
  for (const table of ["access_key", "session", "account", "journal", "audit"]) {
    const rows = await platform.database.query<{ text: string }>(
      `select t::text as text from ${table} t`,
    );
    for (const { text } of rows)
      assert.ok(!text.includes(body.secret) && !text.includes(secret), `${table}: ${text}`);
  }
});
