/** How often one may ask of several managers: together they allow what one would. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { stopTestServer } from "@holdfast/store/testing";
import { type Platform, startPlatform, until } from "./platform.ts";

let platform: Platform;
before(async () => {
  platform = await startPlatform({ managers: 2 });
  await platform.call("PUT", "/v1/settings/access.rate", { value: 0.001 });
  await platform.call("PUT", "/v1/settings/access.burst", { value: 40 });
});
after(async () => {
  await platform.database.query("delete from setting where name like 'access.%'");
  await platform.close();
  await stopTestServer();
});

/** Of a key that nobody has used before, how many of many requests are let through, at each manager in turn. */
async function allowed(token: string): Promise<number> {
  let count = 0;
  for (let index = 0; index < 100; index++)
    for (const manager of platform.managers)
      if (manager) {
        const { status } = await fetch(`http://127.0.0.1:${manager.apiPort}/v1/me`, {
          headers: { authorization: `Bearer ${token}` },
        });
        if (status === 200) count++;
      }
  return count;
}

test("two managers together allow what one does, and one that is left allows all of it", async () => {
  const keys: string[] = [];
  for (let index = 0; index < 40; index++) {
    const made = await platform.call<{ token: string }>("POST", "/v1/keys", { name: "fresh" });
    if (made.status !== 201) break; // The key of the tests has had its share, too.
    keys.push(made.body.token);
  }
  const next = () => {
    const token = keys.pop();
    assert.ok(token, "no key is left to try with");
    return token;
  };
  await until("they have counted each other", async () => (await allowed(next())) === 40);
  await platform.stopManager(1);
  const [left] = platform.managers;
  assert.ok(left);
  await until("the one that is left has noticed", async () => (await allowed(next())) === 40);
});
