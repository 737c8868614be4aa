/** Those who have the machine and the database let the owner in again, whatever has become of the owner's key. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { newKey, recoverOwner, sealWith, tokenOf, whyKeyIsOver } from "@holdfast/cloud/access/edge";
import { type Instant, iso } from "@holdfast/kernel/time";
import { mintId, platformKey, sharedPlatform } from "./platform.ts";

const platform = await sharedPlatform({ hosts: 1 });

const now = () => Date.now() as Instant;
const as = (token: string) => ({ authorization: `Bearer ${token}` });
const idOf = (token: string) => token.split(":")[0] ?? "";
const whyOver = (token: string) =>
  whyKeyIsOver(platform.database, idOf(token), {
    ...{ file: "client.json", recover: "./holdfast keys recover", now: now() },
  });

async function recovered(): Promise<string> {
  const key = newKey(() => mintId());
  const made = { name: "operator", key, seal: sealWith(platformKey), mintId };
  await platform.database.transaction((sql) =>
    recoverOwner(sql, made, { at: now(), host: "here" }),
  );
  return tokenOf(key);
}

test("a key that is good, or was never made, is no reason to stop", async () => {
  assert.equal(await whyOver(platform.token), undefined);
  assert.equal(await whyOver("HFNEVERMADE:secret"), undefined);
});

test("of a key that opens nothing any more it is said why, and another lets the owner in", async () => {
  let token = platform.token;
  for (const [spoil, says] of [
    ["update access_key set revoked_at = $2 where id = $1", /was revoked at 20/],
    ["update access_key set expires_at = $2 where id = $1", /was good until 20/],
    [
      "update account set disabled_at = $2 where id = (select account_id from access_key where id = $1)",
      /operator, whose access key this is, is shut out/,
    ],
  ] as const) {
    await platform.database.query(spoil, [idOf(token), iso((now() - 1_000) as Instant)]);
    assert.equal((await platform.call("GET", "/v1/me", undefined, as(token))).status, 401);
    const why = await whyOver(token);
    assert.equal(why?.code, "owner_key_over");
    assert.match(why.message, says);
    assert.match(why.details.fix ?? "", /keys recover/);
    token = await recovered();
    assert.equal((await platform.call("GET", "/v1/accounts", undefined, as(token))).status, 200);
    assert.equal(await whyOver(token), undefined);
  }
});

test("an owner who is none any more is one again, and the audit log has who saw to that", async () => {
  await platform.database.query(
    "update membership set role = 'viewer' where account_id = (select id from account where name = 'operator')",
  );
  const token = await recovered();
  type Audit = { entries: { requestId: string; actor: string; route: string; api: string }[] };
  const all = await platform.call<Audit>("GET", "/v1/audit", undefined, as(token));
  assert.equal(all.status, 200);
  const told = all.body.entries.filter(({ route }) => route === "keys recover");
  assert.deepEqual([told.length, told[0]?.actor, told[0]?.api], [4, "root at here", "local"]);
  const changes = await platform.database.query<{ event: string }>(
    "select event from journal where request_id = $1",
    [told[0]?.requestId],
  );
  assert.deepEqual(changes, [{ event: "ownerRecovered" }]);
});
