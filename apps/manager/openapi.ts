/**
 * The OpenAPI document, printed from the declared routes: what is not declared is not there.
 *
 * The one exception is the upload of an image, whose body is no JSON and so no declared route either.
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
      ...failures({ ...named(path), ...fails }),
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

function failures(own: Readonly<Record<string, Kind>>) {
  const byStatus = new Map<number, string[]>();
  for (const [code, kind] of Object.entries({ ...always, ...own })) {
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
