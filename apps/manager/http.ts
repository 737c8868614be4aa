/**
 * From declared routes to an HTTP server: who calls, whether they may, whether what they sent has the
 * declared shape, and every failure as a Problem.
 *
 * Nothing here knows any capability. A handler is only ever called with what its route declares, so
 * whatever a client sends, it ends in a 4xx with field, reason and fix, or in the handler.
 */
import { randomUUID } from "node:crypto";
import type { Access } from "@holdfast/cloud/access/edge";
import { type Fault, kinds, Problem, problem, viewOf } from "@holdfast/kernel/problem";
import type { Caller, Handler, Permission } from "@holdfast/kernel/route";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import type { Logger } from "pino";
import type { z } from "zod";

export interface HttpDeps {
  readonly access: Access;
  readonly handlers: readonly Handler[];
  readonly log: Logger;
}

/** More than any request needs: a user-data script of 64 KiB and its JSON. */
const largestBody = 512 * 1024;
const requestIdShape = /^[A-Za-z0-9._:-]{1,64}$/;
const keyShape = /^[\x21-\x7e]{1,128}$/;

export function httpServer({ access, handlers, log }: HttpDeps): FastifyInstance {
  const server = Fastify({
    loggerInstance: log as FastifyBaseLogger, // A pino; keeps the server's type simple.
    logController: new LogController({ disableRequestLogging: true }), // One line per request is ours, below.
    bodyLimit: largestBody,
    forceCloseConnections: true,
    requestTimeout: 0, // An image may take an hour to come; headers may not (Node's own minute).
    genReqId: ({ headers }) => {
      const given = headers["x-request-id"];
      return typeof given === "string" && requestIdShape.test(given) ? given : randomUUID();
    },
    routerOptions: { maxParamLength: 128, ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => void fail(error, request, reply as never), // Untyped there.
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    try {
      done(null, body === "" ? undefined : JSON.parse(String(body)));
    } catch (error) {
      done(notJson(error));
    }
  });
  server.addContentTypeParser("application/octet-stream", (_request, payload, done) =>
    done(null, payload),
  );
  server.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  server.addHook("onResponse", async (request, reply) => {
    const { method, url, id } = request;
    const milliseconds = Math.round(reply.elapsedTime * 10) / 10;
    request.log.info(
      { requestId: id, method, url, status: reply.statusCode, milliseconds },
      "request",
    );
  });
  server.setErrorHandler((error, request, reply) => fail(error, request, reply));
  server.setNotFoundHandler((request, reply) => fail(noRoute(request), request, reply));
  for (const handler of handlers) mount(server, access, handler);
  return server;
}

function mount(server: FastifyInstance, access: Access, { route, answer }: Handler): void {
  server.route({
    method: route.method,
    url: route.path,
    handler: async (request, reply) => {
      const caller = await access.authenticate(request.headers.authorization);
      const query = parse(route.query, request.query, "query");
      const params = parse(route.params, request.params, "path") as Record<string, unknown>; // Object schemas only.
      const body = parse(route.body, request.body ?? undefined, "body");
      authorize(caller, route.needs);
      if (typeof params.project === "string")
        params.project = await access.projectOf(caller, params.project);
      const idempotencyKey = keyOf(request);
      const told = { params, query, body, caller, requestId: request.id, idempotencyKey };
      const result = await answer(told as never); // Each part has just been given the shape that it declares.
      return reply.code(route.reply[0]).send(result);
    },
  });
}

/** A token of a project may not do what needs the platform; which project is checked with the path. */
export function authorize(caller: Caller, needs: Permission): void {
  if (caller.project === undefined || needs.startsWith("project:")) return;
  throw problem(
    "forbidden",
    "forbidden",
    "This needs an operator's token; yours is for one project.",
    {
      fix: "Ask an operator, or use another token: holdfast tokens create",
    },
  );
}

function parse(shape: z.ZodType, value: unknown, where: string): unknown {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults: Fault[] = parsed.error.issues.map(({ path, message }) => ({
    field: [where, ...path].join("."),
    reason: message,
  }));
  const [first] = faults;
  throw problem("invalid", "invalid_request", `${first?.field}: ${first?.reason}.`, {
    faults,
    fix: "See what this call takes: /openapi.json",
  });
}

function keyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers["idempotency-key"];
  if (key === undefined || (typeof key === "string" && keyShape.test(key))) return key;
  throw problem(
    "invalid",
    "invalid_request",
    "header.idempotency-key: must be 1 to 128 printable characters.",
    {
      faults: [
        { field: "header.idempotency-key", reason: "must be 1 to 128 printable characters" },
      ],
    },
  );
}

export function fail(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const shown = asProblem(error, request);
  const { status } = kinds[shown.kind];
  const about = { requestId: request.id, code: shown.code, error };
  if (shown.kind === "bug") request.log.error(about, "bug");
  else if (status >= 500) request.log.warn(about, shown.message);
  const wait = shown.details.retryAfterSeconds;
  if (wait !== undefined) reply.header("retry-after", String(Math.ceil(wait)));
  return reply.code(status).send(viewOf(shown));
}

function asProblem(error: unknown, request: FastifyRequest): Problem {
  if (error instanceof Problem) return error;
  const status = error instanceof Error && "statusCode" in error ? Number(error.statusCode) : 500;
  if (error instanceof Error && status >= 400 && status < 500)
    return problem("invalid", "invalid_request", `The request cannot be read: ${error.message}`, {
      fix: "Send JSON of at most 512 KiB with content-type: application/json.",
    });
  return problem(
    "bug",
    "bug",
    `Something went wrong that should not have. Its incident id is ${request.id}.`,
    {
      fix: `Report it with the id; the manager's log has the rest: grep ${request.id}`,
    },
  );
}

const notJson = (cause: unknown) =>
  problem("invalid", "invalid_request", "The body is not JSON.", {
    faults: [{ field: "body", reason: cause instanceof Error ? cause.message : "is not JSON" }],
  });

const noRoute = ({ method, url }: FastifyRequest) =>
  problem("not_found", "route_not_found", `There is no ${method} ${url.slice(0, 200)}.`, {
    fix: "See what there is: /openapi.json",
  });
