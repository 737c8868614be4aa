/** The client against real HTTP: what it sends, and what it makes of every kind of answer. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { listHosts } from "@holdfast/cloud/hosts/api";
import { getInstance, listInstances, startInstance } from "@holdfast/cloud/instances/api";
import { getJob } from "@holdfast/cloud/jobs/api";
import { type Problem, problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import { connect } from "./client.ts";
import { type FakeOptions, serveFake } from "./testing.ts";

const none = { instances: [], next: null };

async function fake(
  t: TestContext,
  handlers: Parameters<typeof serveFake>[0],
  options?: FakeOptions,
) {
  const manager = await serveFake(handlers, options);
  t.after(() => manager.stop());
  return { manager, client: connect({ url: manager.url, token: "secret", requestId: "req-1" }) };
}

const failing = (expected: Partial<Problem>) => (error: unknown) => {
  const { kind, code } = error as Problem;
  assert.deepEqual(
    { kind, code, ...expected },
    { kind: expected.kind, code: expected.code, ...expected },
  );
  return true;
};

test("a call fills the path, the query and the headers from what it was given", async (t) => {
  const { manager, client } = await fake(t, [handle(listInstances, async () => none)]);
  const reply = await client.call(listInstances, {
    params: { project: "blue" },
    query: { state: "running", host: undefined, limit: 7 },
    idempotencyKey: "key-1",
  });
  assert.deepEqual(reply, none);
  const [heard] = manager.heard;
  assert.equal(heard?.line, "GET /v1/projects/blue/instances?state=running&limit=7");
  const { authorization, "x-request-id": id, "idempotency-key": key } = heard?.headers ?? {};
  assert.deepEqual([authorization, id, key], ["Bearer secret", "req-1", "key-1"]);
});

test("a name cannot lead to another route", async (t) => {
  const { manager, client } = await fake(t, []);
  const show = (instance: string) =>
    client.call(getInstance, { params: { project: "default", instance } });
  await assert.rejects(show("../../hosts?x=/"), { code: "route_not_found" });
  assert.match(manager.heard[0]?.line ?? "", /instances\/\.\.%2F\.\.%2Fhosts%3Fx%3D%2F$/);
  for (const name of ["..", ".", ""])
    await assert.rejects(show(name), failing({ kind: "invalid", code: "invalid_request" }));
  assert.equal(manager.heard.length, 1, "the others never left");
});

test("the manager's problem arrives whole", async (t) => {
  const details = {
    fix: "Stop it first.",
    faults: [{ field: "body.force", reason: "must be true or false" }],
    retryAfterSeconds: 3,
    facts: { state: "lost" },
  };
  const { client } = await fake(t, [
    handle(startInstance, async () => {
      throw problem("conflict", "not_in_this_state", "It is lost.", details);
    }),
  ]);
  const start = client.call(startInstance, { params: { project: "default", instance: "web" } });
  await assert.rejects(start, (error: Problem) => {
    const { kind, code, message } = error;
    assert.deepEqual([kind, code, message], ["conflict", "not_in_this_state", "It is lost."]);
    assert.deepEqual(error.details, details);
    return true;
  });
});

test("where nothing listens, the fix is to start a manager", async (t) => {
  const { manager, client } = await fake(t, []);
  await manager.stop();
  await assert.rejects(client.call(listHosts), (error: Problem) => {
    failing({ kind: "unavailable", code: "manager_unreachable" })(error);
    assert.match(error.message, /Nothing listens there/);
    assert.match(error.details.fix ?? "", /holdfast up/);
    return true;
  });
});

test("a manager that does not answer is given up in time", async (t) => {
  const { manager } = await fake(t, [], { before: () => true });
  const client = connect({ url: manager.url, token: "secret", timeoutSeconds: 0.05 });
  await assert.rejects(client.call(listHosts), /did not answer within 0.05 s/);
});

const strangers: readonly [
  says: string,
  status: number,
  body: string,
  code: string,
  kind: string,
][] = [
  ["a web page", 200, "<html>", "not_holdfast", "invalid"],
  ["a page that is not there", 404, "Not Found", "not_holdfast", "invalid"],
  ["an error without a body", 500, "", "not_holdfast", "invalid"],
  ["a problem of another kind of server", 400, '{"error":"no"}', "not_holdfast", "invalid"],
  ["a proxy whose manager is away", 502, "Bad Gateway", "manager_unreachable", "unavailable"],
  ["a reply in another shape", 200, '{"hosts":[{"id":1}]}', "unexpected_reply", "bug"],
  ["a kind we do not know", 409, '{"kind":"odd","code":"odd","message":"Odd."}', "odd", "conflict"],
];
for (const [says, status, body, code, kind] of strangers)
  test(`an answer that is ${says} becomes ${code}`, async (t) => {
    const { client } = await fake(t, [], {
      before: (_, response) => {
        response.writeHead(status).end(body);
        return true;
      },
    });
    await assert.rejects(client.call(listHosts), failing({ code, kind: kind as Problem["kind"] }));
  });

test("an address that is none is refused before anything is sent", async () => {
  const client = connect({ url: "localhost:7070", token: "x" });
  await assert.rejects(client.call(listHosts), failing({ kind: "invalid", code: "not_holdfast" }));
});

test("a reply keeps what a newer manager has added", async (t) => {
  const { client } = await fake(t, [], {
    before: (_, response) => {
      response.end('{"hosts":[],"next":null,"more":1}');
      return true;
    },
  });
  assert.deepEqual(await client.call(listHosts), { hosts: [], next: null, more: 1 });
});

test("an interrupted call ends with the interruption, not with a problem", async (t) => {
  const { manager } = await fake(t, [], { before: () => true });
  const stop = new AbortController();
  const client = connect({ url: manager.url, token: "secret", signal: stop.signal });
  const call = client.call(listHosts);
  stop.abort(new Error("interrupted"));
  await assert.rejects(call, { message: "interrupted" });
});

/** Does not run: the compiler is the test. */
export function typesHold(client: ReturnType<typeof connect>) {
  // @ts-expect-error a job needs to be named
  void client.call(getJob);
  // @ts-expect-error there is no such state
  void client.call(listInstances, { params: { project: "p" }, query: { state: "asleep" } });
  void client.call(listHosts).then(({ hosts }) => hosts.map(({ name }) => name.toUpperCase()));
}
