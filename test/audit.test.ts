/** The audit log on a whole platform: every request is in it, allowed or refused, with what it has changed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditView } from "@holdfast/cloud/audit/api";
import { connectDatabase } from "@holdfast/store/database";
import { ask as askEc2 } from "./ec2/signed.ts";
import { sharedPlatform, until } from "./platform.ts";

const platform = await sharedPlatform();

interface Page {
  readonly entries: readonly AuditView[];
  readonly next: string | null;
}
const read = async (query: string, at = "/v1/audit") =>
  (await platform.call<Page>("GET", `${at}?${query}`)).body;
const ask = (path: string, token: string, id: string, method = "GET", body?: unknown) =>
  platform.call<{ code?: string }>(method, path, body, {
    authorization: `Bearer ${token}`,
    "x-request-id": id,
  });

test("a request that changes something is in the log before it is answered, with what it has changed", async () => {
  const body = { name: "audited" };
  const path = "/v1/projects/default/networks";
  const { status } = await ask(path, platform.token, "makes-a-network", "POST", body);
  assert.equal(status, 201);
  const { entries } = await read("request=makes-a-network&changes=true");
  assert.equal(entries.length, 1);
  const [{ seq: _, at: __, milliseconds: ___, changes = [], ...entry } = {} as AuditView] = entries;
  assert.deepEqual(entry, {
    ...{ requestId: "makes-a-network", api: "native", method: "POST" },
    ...{ route: "/v1/projects/:project/networks", path, decision: "allowed", status: 201 },
    ...{ code: null, actor: "operator", credential: "HFOPERATOROFTHETESTS" },
    ...{ source: "127.0.0.1", project: "default", count: 1 },
  });
  assert.deepEqual(
    changes.map(({ kind, event }) => `${kind} ${event}`),
    ["network created"],
  );
  const own = await read("request=makes-a-network&changes=true", "/v1/projects/default/audit");
  assert.deepEqual(own.entries, entries, "and in that of the project");
});

test("what is refused is in the log as such, with who asked; also what was refused as not there", async () => {
  const { body: made } = await platform.call<{ token: string }>("POST", "/v1/keys", {
    ...{ name: "only", project: "default" },
  });
  await ask("/v1/settings/manager.batch", made.token, "refused-1", "PUT", { value: 5 });
  await ask("/v1/projects/nobodys/instances", made.token, "refused-2");
  await until("both are written", async () => (await read("request=refused-2")).entries.length > 0);
  const told = [await read("request=refused-1"), await read("request=refused-2")];
  assert.deepEqual(
    told.flatMap(({ entries }) =>
      entries.map(({ decision, code, actor }) => [decision, code, actor]),
    ),
    [
      ["refused", "forbidden", "operator"],
      ["refused", "project_not_found", "operator"],
    ],
  );
});

test("what clients of EC2 only read is no change in the log, whatever method they read it with", async () => {
  const owner = { token: platform.token };
  await askEc2(platform, "DescribeKeyPairs", [], owner);
  await askEc2(platform, "CreateKeyPair", [["KeyName", "audited"]], owner);
  const told = async (query: string) =>
    (await read(query)).entries
      .filter(({ api }) => api === "ec2")
      .map(({ route, method }) => `${method} ${route}`);
  await until("both are written", async () => (await told("limit=20")).length === 2);
  assert.deepEqual(await told("limit=20"), ["POST CreateKeyPair", "GET DescribeKeyPairs"]);
  assert.deepEqual(await told("onlyChanges=true&limit=20"), ["POST CreateKeyPair"]);
});

test("requests of nobody are told, the first one by one and the rest as a number", async () => {
  for (let index = 0; index < 20; index++) {
    const { status } = await ask("/v1/hosts", "HFNOBODY:nothing", `nobody-${index}`);
    assert.equal(status, 401);
  }
  const [manager] = platform.managers;
  assert.ok(manager);
  await platform.stopManager(0); // It writes what it has counted.
  await platform.startManager(0);
  const { entries } = await read("decision=refused&route=/v1/hosts");
  const mine = entries.filter(({ actor }) => actor === null);
  assert.equal(
    mine.reduce((sum, { count }) => sum + count, 0),
    20,
  );
  assert.equal(mine.length, 6);
});

test("pages lead from the newest to the oldest, each line once", async () => {
  for (let index = 0; index < 7; index++) await ask("/v1/types", platform.token, `page-${index}`);
  await until("they are written", async () => (await read("request=page-6")).entries.length > 0);
  const seen: number[] = [];
  let after = "";
  for (let pages = 0; pages < 50; pages++) {
    const { entries, next } = await read(`limit=3&route=/v1/types${after}`);
    seen.push(...entries.map(({ seq }) => seq));
    if (!next) break;
    after = `&after=${next}`;
  }
  assert.deepEqual(
    seen,
    [...new Set(seen)].sort((a, b) => b - a),
  );
  assert.ok(seen.length >= 7);
});

test("a manager can neither change what is written nor forget the last day", async () => {
  const mine = connectDatabase({ url: platform.databaseUrl, role: "holdfast_manager" });
  try {
    await assert.rejects(mine.query("delete from audit"), /permission denied/);
    await assert.rejects(mine.query("update audit set actor = 'nobody'"), /permission denied/);
    const count = async () =>
      (await platform.database.query<{ n: number }>("select count(*)::int as n from audit"))[0]?.n;
    await platform.database.query(
      "update audit set at = at - interval '3 days' where request_id = 'page-1'",
    );
    const before = await count();
    await mine.query("select forget_audit(now() + interval '1 year')");
    assert.equal(await count(), (before ?? 0) - 1);
  } finally {
    await mine.close();
  }
});

test("a key says when it was last used, and from where", async () => {
  const { body } = await platform.call<{ keys: { accessKey: string; lastUsedFrom: string }[] }>(
    "GET",
    "/v1/keys",
  );
  assert.equal(
    body.keys.find(({ accessKey }) => accessKey === "HFOPERATOROFTHETESTS")?.lastUsedFrom,
    "127.0.0.1",
  );
});
