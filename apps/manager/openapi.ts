/**
 * The OpenAPI document, printed from the declared routes: what is not declared is not there.
 *
 * The exceptions are no declared routes because they do not speak JSON: the upload of an image, and the two addresses
 * that a browser is sent to and fro by at single sign-on.
 */

import { getImage } from "@holdfast/cloud/images/api";
import { type Kind, kinds } from "@holdfast/kernel/problem";
import type { Handler } from "@holdfast/kernel/route";
import { ProblemShape } from "@holdfast/kernel/shapes";
import { z } from "zod";

export function openApi(handlers: readonly Handler[], version: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { route } of handlers) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  paths[`${getImage.path.replaceAll(/:(\w+)/g, "{$1}")}/content`] = { put: upload() };
  Object.assign(paths, signOn());
  return {
    openapi: "3.1.0",
    info: { title: "Holdfast", version, description: "A private cloud for machines you own." },
    security: [{ token: [] }],
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { Problem: schemaOf(ProblemShape) },
    },
    paths,
  };
}

function operation({
  method,
  path,
  summary,
  needs,
  params,
  query,
  body,
  reply,
  fails,
}: Handler["route"]) {
  const [status, shape] = reply;
  const hasBody = method !== "GET" && method !== "DELETE";
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z]+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary,
    description: `Needs \`${needs}\`.`,
    ...(needs === "public" ? { security: [] } : {}),
    parameters: [
      ...parameters(params, "path"),
      ...parameters(query, "query"),
      ...("idempotency_key_reused" in fails ? [idempotencyKey] : []),
    ],
    ...(hasBody
      ? {
          requestBody: {
            required: !body.safeParse(undefined).success,
            content: { "application/json": { schema: schemaOf(body) } },
          },
        }
      : {}),
    responses: {
      [status]: {
        description: "Done.",
        content: { "application/json": { schema: schemaOf(shape) } },
      },
      ...failures({ ...always, ...named(path), ...fails }),
    },
  };
}

function upload() {
  const { requestBody: _, ...like } = operation({
    ...getImage,
    method: "PUT",
    path: `${getImage.path}/content`,
    summary: "The bytes of an image that was registered without `url`: qcow2 or raw.",
    needs: "project:operate",
    fails: { ...getImage.fails, image_not_importing: "conflict", ...badBytes },
  });
  const bytes = { "application/octet-stream": { schema: {} } };
  return { ...like, requestBody: { required: true, content: bytes } };
}

/** For browsers: they answer with where to go next. */
function signOn() {
  const refusals = {
    invalid_request: "invalid",
    rate_limited: "limited",
    database_unavailable: "unavailable",
    sign_on_unset: "not_found",
    sign_on_failed: "unavailable",
  } as const;
  const sent = (where: string) => ({
    description: where,
    headers: {
      Location: { required: true, schema: { type: "string" } },
      "Set-Cookie": { required: true, schema: { type: "string" } },
    },
  });
  const toProvider = "To the provider, with a cookie that this browser must bring back.";
  const home = "Signed in: to the first page, with the cookie of a session.";
  const word = (name: string) => ({
    ...{ name, in: "query", required: false },
    schema: { type: "string", description: "As the provider gives it." },
  });
  return {
    "/v1/sign-on": {
      get: {
        ...{ operationId: "getV1SignOn", security: [], parameters: [] },
        summary: "Begin to sign in at the provider of single sign-on.",
        description: "For browsers. Needs `public`.",
        responses: { 302: sent(toProvider), ...failures(refusals) },
      },
    },
    "/v1/sign-on/callback": {
      get: {
        operationId: "getV1SignOnCallback",
        security: [],
        parameters: ["code", "state", "iss", "error", "error_description"].map(word),
        summary: "Where the provider sends the browser back to.",
        description: "For browsers. Needs `public`.",
        responses: {
          302: sent(home),
          ...failures({ ...refusals, sign_on_refused: "unauthenticated" }),
        },
      },
    },
  };
}

/** What may turn out to be wrong with what was sent. */
const badBytes = {
  checksum_mismatch: "invalid",
  image_not_an_image: "invalid",
  image_has_backing_file: "invalid",
  image_encrypted: "invalid",
  image_damaged: "invalid",
  store_full: "exhausted",
} as const;

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "The same key and the same request are carried out once.",
  schema: { type: "string", pattern: "^[\\x21-\\x7e]{1,128}$" },
};

function parameters(shape: z.ZodType, where: "path" | "query") {
  const { properties = {}, required = [] } = schemaOf(shape) as ObjectSchema; // Parameters are objects.
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: where,
    required: where === "path" || required.includes(name),
    schema,
  }));
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
}

/** Who is named in the path may not be there, or not for the caller. */
const named = (path: string): Readonly<Record<string, Kind>> => ({
  ...(path.includes("/:project") ? { project_not_found: "not_found" } : {}),
  ...(path.includes("/:organisation") ? { organisation_not_found: "not_found" } : {}),
});

/** Failures that every route has, beside its own. */
const always: Readonly<Record<string, Kind>> = {
  invalid_request: "invalid",
  unauthenticated: "unauthenticated",
  forbidden: "forbidden",
  csrf_missing: "forbidden",
  rate_limited: "limited",
  database_unavailable: "unavailable",
};

function failures(all: Readonly<Record<string, Kind>>) {
  const byStatus = new Map<number, string[]>();
  for (const [code, kind] of Object.entries(all)) {
    const { status } = kinds[kind];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\``).join(", "),
        content: { "application/json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    ]),
  );
}

function schemaOf(shape: z.ZodType): unknown {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, { io: "input", unrepresentable: "any" });
  return schema;
}
