/** Bad input, driven by the OpenAPI document: every field of every operation is sent what it does not take. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { after, before, test } from "node:test";
import { stopTestServer } from "@holdfast/store/testing";
import fc, { type Arbitrary } from "fast-check";
import { decent } from "./decent.ts";
import {
  asAsk,
  type Desk,
  encode,
  fingerprint,
  openDesk,
  plainRequest,
  type Request,
} from "./desk.ts";
import { bodyFields, fits, type Operation, textFits } from "./document.ts";
import { holds, name, seed } from "./holds.ts";
import {
  hostileStrings,
  hostileText,
  hostileValue,
  huge,
  isRaw,
  jsonOf,
  raw,
  unkeepable,
  valid,
} from "./values.ts";
import { type Ask, type Reply, sendBytes } from "./wire.ts";

let desk: Desk;
before(async () => {
  desk = await openDesk();
});
after(async () => {
  await desk.close();
  await stopTestServer();
});

const ask = (sent: Ask): Promise<Reply> => desk.wire.ask(sent);
const send = (operation: Operation, request: Request) =>
  ask(asAsk(operation, request, desk.platform.token, jsonOf));

async function isAlive(): Promise<void> {
  const { status, text } = await ask({ method: "GET", path: "/health" });
  assert.deepEqual([status, JSON.parse(text).database], [200, true]);
}

/** Each of these is refused with a fault at `field`, and leaves everything as it was. */
async function refuses<T>(
  operation: Operation,
  values: Arbitrary<T>,
  requestOf: (plain: Request, value: T) => Request,
  expected: RegExp,
  usual: number,
): Promise<void> {
  const plain = plainRequest(operation, desk);
  const untouched = await fingerprint(desk);
  await holds(`${name(operation)} ${expected}`, values, usual, async (value) => {
    const { problem } = decent(await send(operation, requestOf(plain, value)), operation);
    assert.ok(problem, "it was accepted");
    const { code, faults = [] } = problem;
    const isAtField = faults.some(({ field }) => expected.test(field));
    assert.ok(isAtField || code === "route_not_found", JSON.stringify(problem));
    assert.deepEqual(await fingerprint(desk), untouched);
  });
}

const literally = (text: string) => text.replaceAll(/[^\w]/g, "\\$&");
/** The field or a part of it; or the whole body, when that is too large to be read at all. */
const within = (field: string) => new RegExp(`^${literally(field)}(\\.|$)|^body$`);

test("a field of a body that is not what its schema says is refused by its name", async () => {
  for (const operation of desk.operations)
    for (const { path, schema } of operation.body ? bodyFields(operation.body) : [])
      await refuses(
        operation,
        hostileValue.filter((value) => isRaw(value) || value === huge || !fits(schema, value)),
        (plain, value) => ({ ...plain, body: planted(plain.body, path, value) }),
        within(["body", ...path].join(".")),
        6,
      );
});

test("text that cannot be kept is refused, and so is a name that means something to JavaScript", async () => {
  for (const operation of desk.operations)
    for (const { path, schema } of operation.body ? bodyFields(operation.body) : []) {
      const inner = fc.sample(valid(schema, {}), { seed, numRuns: 1 })[0];
      const isObject = schema.type === "object";
      const polluted = () =>
        raw(
          jsonOf(inner).replace(
            /^\{(?=(.))/,
            (_, next) => `{"__proto__":{"a":1}${next === "}" ? "" : ","}`,
          ),
        );
      if (isObject || fits(schema, "a"))
        await refuses(
          operation,
          isObject ? fc.constant(polluted()) : fc.constantFrom(...unkeepable),
          (plain, value) => ({ ...plain, body: planted(plain.body, path, value) }),
          within(["body", ...path].join(".")),
          4,
        );
    }
});

/** The body with this value at that place; what is on the way there is made. */
function planted(body: unknown, path: readonly string[], value: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  if (name === "0") return [planted(undefined, rest, value)];
  return {
    ...(body as object | undefined),
    [name]: planted((body as Record<string, unknown>)?.[name], rest, value),
  };
}

test("a parameter that is not what its schema says is refused by its name", async () => {
  for (const operation of desk.operations)
    for (const { name, in: where, schema } of operation.parameters) {
      const texts = hostileText.filter((text) => isUnreadable(text) || !textFits(schema, text));
      if (where === "path")
        await refuses(
          operation,
          texts.filter((text) => text !== "").map(encode),
          (plain, text) => ({ ...plain, path: { ...plain.path, [name]: text } }),
          /^path/,
          8,
        );
      if (where === "query")
        await refuses(
          operation,
          fc.oneof(
            { weight: 4, arbitrary: texts },
            { weight: 1, arbitrary: fc.constant(["1", "2"]) },
          ),
          (plain, value) => ({ ...plain, query: { [name]: value } }),
          within(`query.${name}`),
          8,
        );
    }
});

const isUnreadable = (text: string) => /\p{Surrogate}|\0/u.test(text);

test("what no schema knows is refused: in a body, at any depth of it, and in a query", async () => {
  const names = fc.oneof(
    fc.constantFrom(
      "colour",
      "Name",
      "name ",
      "id",
      "state",
      "constructor",
      "toString",
      "$where",
      "",
    ),
    fc.string({ minLength: 1, maxLength: 20 }),
  );
  for (const operation of desk.operations) {
    await refuses(
      operation,
      names.filter((name) => !operation.parameters.some((known) => known.name === name)),
      (plain, name) => ({ ...plain, query: { [name]: "1" } }),
      /^query\./,
      3,
    );
    for (const { path, schema } of operation.body ? bodyFields(operation.body) : [])
      if (schema.properties)
        await refuses(
          operation,
          names.filter((name) => !(name in { ...schema.properties })),
          (plain, name) => {
            const inner = fc.sample(valid(schema, {}), { seed, numRuns: 1 })[0];
            return {
              ...plain,
              body: planted(plain.body, path, { ...(inner as object), [name]: 1 }),
            };
          },
          within(["body", ...path].join(".")),
          5,
        );
  }
});

test("a body that is cut off, no JSON, no UTF-8 or of another type is refused", async () => {
  const types = [
    "text/plain",
    "application/octet-stream",
    "application/xml",
    "",
    "application/json5",
    "x",
  ];
  const broken = fc.oneof(
    fc.constantFrom(
      "{",
      "[",
      '{"name":',
      '{"name":"a",}',
      "nul",
      "{'a':1}",
      '{"a":1}{"b":2}',
      "\ufeff{}",
      "NaN",
    ),
    fc.constantFrom("[".repeat(100_000), '{"a":'.repeat(50_000)),
    fc
      .uint8Array({ minLength: 1, maxLength: 40 })
      .map((bytes) => Buffer.from([0x22, 0xff, ...bytes, 0x22])),
    fc
      .nat(200)
      .map((length) =>
        jsonOf({ name: "cut-off", hostTags: ["a", "b"] }).slice(0, 1 + (length % 35)),
      ),
  );
  const untouched = await fingerprint(desk);
  for (const operation of desk.operations) {
    if (!operation.body) continue;
    const plain = asAsk(operation, plainRequest(operation, desk), desk.platform.token);
    const { body: _, ...bare } = plain;
    await holds(name(operation), broken, 10, async (body) => {
      const { problem } = decent(await ask({ ...bare, body }), operation);
      assert.equal(problem?.code, "invalid_request");
    });
    for (const type of types) {
      const headers = { ...plain.headers, "content-type": type };
      const { problem } = decent(
        await ask({ ...bare, headers, body: '{"name":"typed"}' }),
        operation,
      );
      assert.equal(problem?.code, "invalid_request", type);
    }
  }
  assert.deepEqual(await fingerprint(desk), untouched);
});

test("a method that a path does not have is refused", async () => {
  const untouched = await fingerprint(desk);
  for (const operation of desk.operations)
    for (const method of [
      "GET",
      "POST",
      "PUT",
      "PATCH",
      "DELETE",
      "OPTIONS",
      "TRACE",
      "PROPFIND",
    ]) {
      const { method: _, ...plain } = asAsk(
        operation,
        plainRequest(operation, desk),
        desk.platform.token,
      );
      const isThere = desk.operations.some(
        (one) => one.path === operation.path && one.method === method,
      );
      if (isThere) continue;
      const { problem } = decent(await ask({ ...plain, method }));
      assert.equal(
        problem?.kind,
        method === "PUT" || problem?.code !== "invalid_request" ? "not_found" : "invalid",
      );
    }
  assert.deepEqual(await fingerprint(desk), untouched);
});

/** What a header can hold on the wire. */
const headerText = fc.oneof(
  fc.constantFrom(...hostileStrings).map((text) => text.replaceAll(/[^\t\x20-\x7e]/g, "\xff")),
  fc.string({ maxLength: 200 }),
  fc.constant("k".repeat(8_000)),
);

test("without a good token nothing is answered, whatever stands in its place", async () => {
  const untouched = await fingerprint(desk);
  const tokens = fc.oneof(
    headerText,
    headerText.map((text) => `Bearer ${text}`),
    fc.constantFrom("Bearer", "Basic b3BlcmF0b3I6", `Bearer ${"a".repeat(5_000)}`, "bearer x y"),
  );
  for (const operation of desk.operations.filter(({ declared }) => !declared.security)) {
    const { headers, ...plain } = asAsk(
      operation,
      plainRequest(operation, desk),
      desk.platform.token,
    );
    const { authorization: _, ...others } = { authorization: "", ...headers };
    const { problem } = decent(await ask({ ...plain, headers: others }), operation);
    assert.equal(problem?.code, "unauthenticated");
    await holds(name(operation), tokens, 6, async (authorization) => {
      const reply = await ask({ ...plain, headers: { ...others, authorization } });
      assert.equal(decent(reply, operation).problem?.code, "unauthenticated");
    });
  }
  assert.deepEqual(await fingerprint(desk), untouched);
});

test("a bad Idempotency-Key is refused; a bad X-Request-Id is replaced", async () => {
  const printable = /^[\x21-\x7e]{1,128}$/;
  for (const operation of desk.operations.filter(({ codes }) =>
    codes.has("idempotency_key_reused"),
  ))
    await refuses(
      operation,
      headerText.filter((text) => !printable.test(text.trim())),
      (plain, key) => ({ ...plain, headers: { "idempotency-key": key } }),
      /^header\.idempotency-key$/,
      8,
    );
  await holds("X-Request-Id", headerText, 60, async (id) => {
    const headers = { authorization: `Bearer ${desk.platform.token}`, "x-request-id": id };
    const reply = await ask({ method: "GET", path: "/v1/types", headers });
    assert.equal(reply.status, 200);
    assert.match(String(reply.headers["x-request-id"]), /^[A-Za-z0-9._:-]{1,64}$/);
  });
});

test("bytes that are no request are refused or dropped, and the next request is answered", async () => {
  const untouched = await fingerprint(desk);
  const token = `authorization: Bearer ${desk.platform.token}\r\n`;
  const post = `POST /v1/projects/default/instances HTTP/1.1\r\nhost: x\r\n${token}content-type: application/json\r\n`;
  const get = `GET /v1/types HTTP/1.1\r\nhost: x\r\n${token}`;
  const refused: readonly string[] = [
    "\r\n\r\n\0\0\0\0",
    "HELLO\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    `GET /v1/types\0 HTTP/1.1\r\nhost: x\r\n${token}\r\n`,
    `GET /v1/projects/%zz/instances HTTP/1.1\r\nhost: x\r\n${token}connection: close\r\n\r\n`,
    `GET /v1/types/${"a".repeat(10_000)} HTTP/1.1\r\nhost: x\r\n${token}connection: close\r\n\r\n`,
    `${get}x-large: ${"a".repeat(100_000)}\r\n\r\n`,
    `${get}${Array.from({ length: 3_000 }, (_, index) => `x-${index}: 1\r\n`).join("")}\r\n`,
    `${get}bad header\r\n\r\n`,
    `${post}content-length: 5\r\ncontent-length: 6\r\n\r\n{}`,
    `${post}content-length: -1\r\n\r\n{}`,
    `${post}content-length: 100\r\n\r\n{"name":"half`,
    `${post}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
    `${post}transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n{}`,
    `${get}connection: upgrade\r\nupgrade: h2c\r\n\r\n`,
    `${get}connection: upgrade\r\nupgrade: websocket\r\n\r\n`,
    `${get}connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 1\r\nsec-websocket-key: x\r\n\r\n`,
  ];
  for (const bytes of refused) {
    const reply = await sendBytes(desk.port, bytes);
    assert.ok(reply, `no answer to ${bytes.slice(0, 200)}`);
    assert.ok(decent(reply).problem, bytes.slice(0, 200));
  }
  await holds(
    "bytes",
    fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.nat(post.length)),
    60,
    async ([bytes, cut]) => {
      await sendBytes(desk.port, Buffer.concat([Buffer.from(post.slice(0, cut)), bytes]));
      await isAlive();
    },
  );
  assert.deepEqual(await fingerprint(desk), untouched);
});

test("a machine that asks to join with nonsense is refused on the agents' port", async () => {
  const untouched = await fingerprint(desk);
  const good = { token: "hf1.unknown.unknown", name: "machine", signingRequest: "none" };
  const bodies = fc.oneof(
    hostileValue.filter((value) => value !== huge).map(jsonOf),
    fc
      .tuple(fc.constantFrom(...Object.keys(good)), hostileValue)
      .map(([field, value]) => jsonOf({ ...good, [field]: value })),
    fc.constantFrom("", "{", '"\xff"', JSON.stringify(good)),
  );
  await holds("POST /join", bodies, 60, async (body) => {
    const { problem } = decent(await join(body));
    assert.ok(problem, "it was accepted");
    assert.ok(["invalid_request", "join_token_invalid"].includes(problem.code), problem.code);
  });
  assert.deepEqual(await fingerprint(desk), untouched);
});

/** What the agents' port answers to a machine without a certificate. */
async function join(body: string): Promise<Reply> {
  const port = desk.platform.managers[0]?.agentPort;
  const options = {
    port,
    host: "127.0.0.1",
    path: "/join",
    method: "POST",
    rejectUnauthorized: false,
  };
  const asking = request({ ...options, agent: false });
  asking.end(body);
  const [response] = (await once(asking, "response")) as [IncomingMessage]; // What `response` comes with.
  let text = "";
  for await (const piece of response) text += piece;
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}
