/** Coming in from a terminal as a person: a key is made with the password, kept for that person alone, and revoked. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { stopTestServer } from "@holdfast/store/testing";
import { run } from "../apps/cli/testing.ts";
import { type Platform, startPlatform, wallClock } from "./platform.ts";

let platform: Platform;
let home: string;
let url: string;
before(async () => {
  platform = await startPlatform({ isOutside: true });
  home = await mkdtemp(join(tmpdir(), "holdfast-login-"));
  url = `http://127.0.0.1:${platform.managers[0]?.apiPort}`;
  await platform.call("POST", "/v1/accounts", { name: "ada" });
  await platform.call("PUT", "/v1/projects/default/members/ada", { role: "viewer" });
  const path = "/v1/accounts/ada/password";
  const { body } = await platform.call<{ password: string }>("POST", path, {});
  await writeFile(join(home, "password"), `${body.password}\n`);
  await writeFile(join(home, "wrong"), "not this one\n");
});
after(async () => {
  await rm(home, { recursive: true, force: true });
  await platform.close();
  await stopTestServer();
});

const file = () => join(home, ".config", "holdfast", "client.json");
const kept = async () => JSON.parse(await readFile(file(), "utf8"));
const keysOfAda = async () =>
  (await platform.call<{ keys: { name: string }[] }>("GET", "/v1/accounts/ada/keys")).body.keys;

async function expect(line: string, code: number, says: RegExp) {
  const ran = await run(line.replaceAll("HOME", home), {
    environment: { HOME: home },
    now: wallClock.now(),
  });
  assert.equal(ran.code, code, `${line}\n${ran.out}${ran.err}`);
  assert.match(ran.out + ran.err, says);
}

test("a wrong password keeps nothing, and the right one a key for its owner alone to read", async () => {
  await expect(`login ada --url ${url} --password-file HOME/wrong`, 7, /sign_in_refused/);
  await assert.rejects(stat(file()));
  await expect(`login ada --url ${url} --password-file HOME/password`, 0, /You are ada at/);
  assert.equal((await stat(file())).mode & 0o777, 0o600);
  assert.equal((await kept()).url, url);
  await expect("whoami", 0, /^ada\n(.|\n)*viewer of project default/);
  await expect("list", 0, /No instances/);
  await expect("run web", 7, /forbidden/);
  const sessions = await platform.call<{ sessions: [] }>("GET", "/v1/accounts/ada/sessions");
  assert.deepEqual(sessions.body.sessions, [], "the session was for making the key");
});

test("who comes in again has one key, and who goes has none", async () => {
  const { token } = await kept();
  await expect(`login ada --password-file HOME/password`, 0, /You are ada at/);
  assert.notEqual((await kept()).token, token);
  assert.equal((await keysOfAda()).length, 1);
  await expect("logout", 0, /You are logged out/);
  assert.equal((await keysOfAda()).length, 0);
  await assert.rejects(stat(file()));
  await expect("logout", 0, /You are not logged in/);
});

test("a login whose key is worth nothing any more is forgotten all the same", async () => {
  await expect(`login ada --url ${url} --password-file HOME/password`, 0, /You are ada at/);
  await platform.database.query(
    "update access_key set revoked_at = now() where name like 'login%'",
  );
  await expect("whoami", 7, /unauthenticated(.|\n)*|login/);
  await expect("logout", 0, /You are logged out/);
});

test("over TLS the authority is remembered, and a password goes nowhere in the clear", async () => {
  const [manager] = platform.managers;
  const outside = `https://127.0.0.1:${manager?.outsidePort}`;
  const line = `login ada --url ${outside} --ca ${manager?.fingerprint} --password-file HOME/password`;
  await expect(line, 0, /You are ada at https/);
  assert.equal((await kept()).fingerprint, manager?.fingerprint);
  await expect("whoami", 0, /^ada\n/);
  await expect("logout", 0, /You are logged out/);
  const clear = "login ada --url http://192.0.2.1:7070 --password-file HOME/password";
  await expect(clear, 8, /login_in_the_clear/);
});
