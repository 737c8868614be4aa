/** The OpenAPI document can be relied on: it is well formed, complete, and what it says of replies is so. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import type { Handler } from "@holdfast/kernel/route";
import { stopTestServer } from "@holdfast/store/testing";
import fc from "fast-check";
import { z } from "zod";
import { decent } from "./decent.ts";
import { asAsk, type Desk, openDesk } from "./desk.ts";
import { type Declared, fits, type Operation, type Schema } from "./document.ts";
import { name, seed } from "./holds.ts";
import { poolsOf, requestsFor, somethingNew } from "./requests.ts";
import { jsonOf } from "./values.ts";

let desk: Desk;
let handlers: readonly Handler[];
before(async () => {
  desk = await openDesk();
  handlers = desk.platform.managers[0]?.handlers ?? [];
});
after(async () => {
  await desk.close();
  await stopTestServer();
});

/** Every operation, also those whose body is no JSON. */
const all = (): readonly (readonly [path: string, method: string, declared: Declared])[] =>
  Object.entries(desk.document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, declared]) => [path, method, declared] as const),
  );

const bracketed = (path: string) => path.replaceAll(/:(\w+)/g, "{$1}");

test("the document is OpenAPI 3.1 with a title, a version and a way to say who asks", () => {
  const { openapi, info, ...rest } = desk.document;
  assert.match(openapi, /^3\.1\.\d+$/);
  assert.ok(info.title && info.version);
  const { security, components } = rest as unknown as {
    security: Record<string, unknown>[];
    components: { securitySchemes: Record<string, { type: string; scheme: string }> };
  }; // The parts that the other tests have no use for.
  for (const scheme of security.flatMap((one) => Object.keys(one)))
    assert.equal(components.securitySchemes[scheme]?.scheme, "bearer");
});

test("every route is in the document, and nothing else but the upload and what browsers are sent to", () => {
  const documented = all().map(([path, method]) => `${method.toUpperCase()} ${path}`);
  const served = handlers.map(({ route }) => `${route.method} ${bracketed(route.path)}`);
  const upload = "PUT /v1/projects/{project}/images/{image}/content";
  const ofBrowsers = ["GET /v1/sign-on", "GET /v1/sign-on/callback"];
  assert.deepEqual(documented.sort(), [...served, upload, ...ofBrowsers].sort());
  for (const path of ["/v1/sign-on", "/v1/sign-on/callback"])
    assert.ok(desk.document.paths[path]?.get?.responses["302"], path);
});

test("operations have ids and summaries of their own", () => {
  const ids = all().map(([, , { operationId }]) => operationId);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[a-z][A-Za-z0-9]+$/);
  for (const [path, , { summary }] of all()) assert.ok(summary.length > 8, path);
});

/** Lists that are whole: what they are of is counted by people, or has a bound of its own. */
const whole: Readonly<Record<string, string>> = {
  "/v1/types": "made by operators one by one",
  "/v1/public-ranges": "made by operators one by one",
  "/v1/network-ids": "of the pool, which operators have opened",
  "/v1/roles": "written in the code",
  "/v1/settings": "written in the code",
  "/v1/invariants": "the rules are written in the code, of violations it shows the oldest fifty",
  "/v1/health": "the worst come first, each for all that it affects",
  "/v1/me": "what one account was given",
  "/v1/projects/{project}/quotas": "written in the code",
  "/v1/projects/{project}/required-tags": "made by people one by one",
  "/v1/hosts/{host}/maintenance": "one host's instances",
  "/v1/hosts/{host}/failover": "one host's instances",
  "/v1/projects/{project}/instances/{instance}/console-log": "the last lines, as many as asked for",
  "/v1/projects/{project}/instances/{instance}/trace": "the last lines, as many as asked for",
  "/v1/keys": "a hundred of one account at most",
  "/v1/accounts/{account}/keys": "a hundred of one account at most",
  "/v1/sessions": "the last two hundred of one account",
  "/v1/accounts/{account}/sessions": "the last two hundred of one account",
  "/v1/projects/{project}/service-accounts/{serviceAccount}/keys":
    "a hundred of one account at most",
};

test("every list that grows with use comes in pages", () => {
  const lists = handlers.flatMap(({ route }) => {
    const isOne = /\/:\w+$/.test(route.path); // One thing, which may have several of another.
    if (route.method !== "GET" || isOne || !(route.reply[1] instanceof z.ZodObject)) return [];
    const fields = Object.values(route.reply[1].shape);
    return fields.some((field) => field instanceof z.ZodArray) ? [route] : [];
  });
  const unpaged = lists.filter(
    ({ query }) =>
      !(query instanceof z.ZodObject && "after" in query.shape && "limit" in query.shape),
  );
  assert.ok(lists.length > 40);
  assert.deepEqual(unpaged.map(({ path }) => bracketed(path)).sort(), Object.keys(whole).sort());
});

test("every part of a path is declared as a parameter, once, and none that is not there", () => {
  for (const [path, method, { parameters }] of all()) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, part]) => part);
    const declared = parameters.filter((one) => one.in === "path");
    assert.deepEqual(declared.map((one) => one.name).sort(), inPath.sort(), `${method} ${path}`);
    assert.ok(declared.every(({ required }) => required));
    const names = parameters.map((one) => `${one.in} ${one.name.toLowerCase()}`);
    assert.equal(new Set(names).size, names.length, `${method} ${path}`);
  }
});

test("every schema means something: known words, readable patterns, defaults that fit, required fields that exist", () => {
  let seen = 0;
  const visit = (schema: Schema, about: string): void => {
    seen++;
    fits(schema, undefined); // Fails on a word that it does not know.
    if (schema.pattern) new RegExp(schema.pattern);
    if ("default" in schema) assert.ok(fits(schema, schema.default), `${about}: its own default`);
    for (const field of schema.required ?? [])
      assert.ok(schema.properties && field in schema.properties, `${about}: ${field}`);
    for (const [field, inner] of Object.entries(schema.properties ?? {}))
      visit(inner, `${about}.${field}`);
    for (const inner of schema.anyOf ?? []) visit(inner, about);
    if (schema.items) visit(schema.items, `${about}[]`);
  };
  for (const [path, , { parameters, requestBody, responses }] of all()) {
    for (const parameter of parameters) visit(parameter.schema, `${path} ${parameter.name}`);
    const media = [requestBody, ...Object.values(responses)].flatMap((one) =>
      Object.values(one?.content ?? {}),
    );
    for (const { schema } of media) if (!("$ref" in schema)) visit(schema, path);
  }
  for (const [title, schema] of Object.entries(desk.document.components.schemas))
    visit(schema, title);
  assert.ok(seen > 200);
});

test("every operation says how it succeeds and how it fails, and every reference leads somewhere", () => {
  for (const [path, method, { responses }] of all()) {
    const statuses = Object.keys(responses);
    assert.equal(
      statuses.filter((status) => /^(20[0-4]|302)$/.test(status)).length,
      1,
      `${method} ${path}`,
    );
    const isOfBrowsers = statuses.includes("302"); // Who is sent on has not said who they are.
    for (const status of isOfBrowsers ? ["400", "503"] : ["400", "401", "403", "503"])
      assert.ok(statuses.includes(status), path);
    for (const { description, content } of Object.values(responses)) {
      assert.ok(description.length > 0);
      for (const { schema } of Object.values(content ?? {})) {
        const reference = (schema as { $ref?: string }).$ref; // Not a word that other schemas use.
        if (reference) assert.equal(reference, "#/components/schemas/Problem");
      }
    }
  }
  assert.ok(desk.document.components.schemas.Problem);
});

test("every code that an operation may fail with has a page", () => {
  const declared = handlers.flatMap(({ route }) => Object.keys(route.fails));
  const printed = desk.operations.flatMap(({ codes }) => [...codes.keys()]);
  const codes = [...new Set([...declared, ...printed])].sort();
  assert.ok(codes.length > 20);
  const missing = codes.filter((code) => !existsSync(`docs/problems/${code}.md`));
  assert.deepEqual(missing, [], "write these pages in docs/problems/");
});

test("every reply really has the shape that its route declares, and nothing beyond it", async () => {
  const never: string[] = [];
  for (const { route } of handlers) {
    const operation = desk.operations.find(
      (one) => one.method === route.method && one.path === bracketed(route.path),
    );
    assert.ok(operation, route.path);
    const bodies = await someReplies(operation);
    if (bodies.length === 0) never.push(name(operation));
    for (const body of bodies) {
      const parsed = route.reply[1].safeParse(body);
      assert.ok(parsed.success, `${name(operation)}: ${parsed.error} in ${JSON.stringify(body)}`);
      // What a shape does not know it leaves out.
      assert.deepEqual(parsed.data, body, name(operation));
    }
  }
  assert.deepEqual(never, [], "no request for these was carried out");
});

/** What was answered to the first few requests that were carried out. */
async function someReplies(operation: Operation): Promise<readonly unknown[]> {
  const pools = poolsOf(await somethingNew(desk, operation));
  const bodies: unknown[] = [];
  for (const request of fc.sample(requestsFor(operation, pools), { seed, numRuns: 60 })) {
    const reply = await desk.wire.ask(asAsk(operation, request, desk.platform.token, jsonOf));
    const { body, problem } = decent(reply, operation);
    if (!problem) bodies.push(body);
    if (operation.path === "/v1/settings/{name}")
      await desk.wire.ask(
        asAsk(operation, { ...request, body: { value: null } }, desk.platform.token),
      );
    if (bodies.length === 4) break;
  }
  return bodies;
}
