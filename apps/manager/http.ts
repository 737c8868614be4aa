/**
 * From declared routes to an HTTP server: who calls, whether they may, whether what they sent has the
 * declared shape, and every failure as a Problem.
 *
 * Nothing here knows any capability. A handler is only ever called with what its route declares, so
 * whatever a client sends, it ends in a 4xx with field, reason and fix, or in the handler.
 */
import { randomUUID } from "node:crypto";
import { parse as readQuery } from "node:querystring";
import { type Access, csrfIn, saysWho } from "@holdfast/cloud/access/edge";
import type { AuditLog } from "@holdfast/cloud/audit/edge";
import type { AccountId, ProjectId } from "@holdfast/kernel/ids";
import { type Fault, kinds, Problem, problem, viewOf } from "@holdfast/kernel/problem";
import type { Caller, Door, Handler } from "@holdfast/kernel/route";
import { ProjectParam } from "@holdfast/kernel/shapes";
import type { Instant } from "@holdfast/kernel/time";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import type { Logger } from "pino";
import { refuseRaw, unreadable } from "./raw-answer.ts";
import { invalidRequest, parse, readJson, sendJson } from "./reading.ts";

/** What is found out about a request on its way, for the audit log. */
export interface Witness {
  caller?: Caller;
  project?: ProjectId;
  code?: string;
}

const witnesses = new WeakMap<FastifyRequest, Witness>();

/** The one of this request. */
export function witnessOf(request: FastifyRequest): Witness {
  const known = witnesses.get(request) ?? {};
  witnesses.set(request, known);
  return known;
}

export interface HttpDeps {
  readonly access: Access;
  readonly handlers: readonly Handler[];
  readonly audit: AuditLog;
  readonly now: () => Instant;
  readonly log: Logger;
  /** Whose word is believed about whom they ask for, and over what. */
  readonly proxies?: () => readonly string[];
}

/** More than any request needs: a user-data script of 64 KiB and its JSON. */
const largestBody = 512 * 1024;
const requestIdShape = /^[A-Za-z0-9._:-]{1,64}$/;
const keyShape = /^[\x21-\x7e]{1,128}$/;

export function httpServer({
  access,
  handlers,
  audit,
  now,
  log,
  proxies = () => [],
}: HttpDeps): FastifyInstance {
  const server = Fastify({
    loggerInstance: log as FastifyBaseLogger, // A pino; keeps the server's type simple.
    logController: new LogController({ disableRequestLogging: true }), // One line per request is ours, below.
    bodyLimit: largestBody,
    forceCloseConnections: true,
    // Asked of each address on the way: the nearest one that is not believed is who asks.
    trustProxy: (address) => proxies().includes(address.replace(/^::ffff:(?=\d+\.)/i, "")),
    requestTimeout: 0, // An image may take an hour to come; headers may not (Node's own minute).
    genReqId: ({ headers }) => {
      const given = headers["x-request-id"];
      return typeof given === "string" && requestIdShape.test(given) ? given : randomUUID();
    },
    routerOptions: {
      maxParamLength: 128,
      ignoreTrailingSlash: true,
      // Node's own writes a replacement character for bytes that are no text, where others hand on what they could not read.
      querystringParser: (text) => readQuery(text),
    },
    clientErrorHandler: (error, socket) => refuseRaw(socket, unreadable(error)),
    frameworkErrors: (error, request, reply) => void fail(error, request, reply as never), // Untyped there.
  });
  // As bytes: of a page of a thousand, writing text took longer than making it.
  server.setReplySerializer((payload) => {
    const bytes: unknown = Buffer.from(JSON.stringify(payload));
    return bytes as string; // Fastify sends bytes as they are; its type knows text only.
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    try {
      done(null, readJson(Buffer.from(body))); // Asked for as a buffer; its type allows for text.
    } catch (error) {
      done(error as Problem); // It throws nothing else.
    }
  });
  // An expectation that we do not know is no reason to refuse what we do.
  server.server.on("checkExpectation", (request, response) =>
    server.server.emit("request", request, response),
  );
  server.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id);
    const { caller, project, code } = witnessOf(request);
    const written = audit.record({
      ...{ at: now(), requestId: request.id, api: "native", method: request.method },
      ...{ route: request.routeOptions.url ?? "none", path: request.url.split("?")[0] ?? "" },
      ...{ status: reply.statusCode, code, project, who: caller, source: request.ip },
      milliseconds: Math.round(reply.elapsedTime * 10) / 10,
    });
    if (isChange(request.method)) await written;
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

function mount(server: FastifyInstance, access: Access, handler: Handler): void {
  const { route } = handler;
  server.route({
    method: route.method,
    url: route.path,
    handler: async (request, reply) =>
      reply
        .code(route.reply[0])
        .send(
          await serve(
            access,
            handler,
            { ...rawOf(request), door: doorOf(request, reply) },
            witnessOf(request),
          ),
        ),
  });
}

const isChange = (method: string) => method !== "GET" && method !== "HEAD";

/** A request as it came, nothing of it looked at so far. */
export interface RawRequest {
  readonly id: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly door?: Door;
}

const rawOf = ({ id, headers, params, query, body }: FastifyRequest): RawRequest => ({
  ...{ id, headers, params, query, body },
});

/** What is known of its connection. */
export const doorOf = (request: FastifyRequest, reply: FastifyReply): Door => ({
  source: request.ip,
  agent: request.headers["user-agent"] ?? "",
  isSecure: request.protocol === "https", // Its own, or that of a proxy that is believed.
  csrf: csrfIn(request.headers.cookie),
  knownAs: (caller) => {
    witnessOf(request).caller = caller;
  },
  setHeader: (name, value) => void reply.header(name, value),
});

/** For what is asked before anybody is known. */
const nobody: Caller = {
  name: "nobody",
  account: "00000000-0000-0000-0000-000000000000" as AccountId,
  by: { kind: "session", id: "none" },
  grants: [],
  only: undefined,
};

/** Resolves with what the route answers; rejects with the refusal, or with a bug. */
export async function serve(
  access: Access,
  handler: Handler,
  request: RawRequest,
  witness: Witness = {},
): Promise<unknown> {
  const { headers } = request;
  const { needs, method } = handler.route;
  const isPublic = needs === "public";
  const source = request.door?.source ?? "";
  if (isPublic) access.admitNobody(source);
  const place = isPublic ? undefined : placeBeside(access, request);
  const caller = isPublic
    ? nobody
    : await access.authenticate({ headers, isChange: isChange(method), source });
  if (!isPublic) witness.caller = caller;
  const known = { ...request, caller, idempotencyKey: keyOf(request), place };
  return serveAs(access, handler, known, witness);
}

/** A request of somebody who is known, through whatever door it came. */
export interface KnownRequest extends Omit<RawRequest, "headers"> {
  readonly caller: Caller;
  readonly idempotencyKey: string | undefined;
  /** The project in its path, by the name that it came with, if it has been looked up already. */
  readonly place?: Place | undefined;
}

interface Place {
  readonly name: string;
  readonly found: ReturnType<Access["placeOf"]>;
}

/**
 * Looked up in one packet with who asks, and judged when that is known. Not for those who say nothing of themselves that
 * could be true, and not where no project could be called so.
 */
function placeBeside(access: Access, { headers, params }: RawRequest): Place | undefined {
  const { project: name } = params as { project?: unknown }; // Fastify's, an object.
  if (typeof name !== "string" || !ProjectParam.safeParse(name).success || !saysWho(headers))
    return undefined;
  const found = access.placeOf(name);
  found.catch(() => {}); // Whoever is refused before never asks.
  return { name, found };
}

/** The gate that every request passes: what the caller may do, and whether what was sent has the declared shape. */
export async function serveAs(
  access: Access,
  { route, answer }: Handler,
  request: KnownRequest,
  witness: Witness = {},
): Promise<unknown> {
  const { caller, idempotencyKey, door } = request;
  const { needs } = route;
  if (!route.path.includes("/:project") && !route.path.includes("/:organisation"))
    access.authorize(caller, needs);
  const params = parse(route.params, request.params, "path") as Record<string, unknown>; // Object schemas only.
  if (typeof params.project === "string")
    params.project = witness.project = await access.projectOf(
      caller,
      params.project,
      needs,
      request.place?.name === params.project ? request.place.found : undefined,
    );
  if (typeof params.organisation === "string")
    params.organisation = await access.organisationOf(caller, params.organisation, needs);
  const query = parse(route.query, single(request.query), "query");
  const body = parse(route.body, request.body, "body");
  const told = { params, query, body, caller, requestId: request.id, idempotencyKey, door };
  return answer(told as never); // Each part has just been given the shape that it declares.
}

/** A name that comes twice means nothing here, and neither does one without a value. */
function single(query: unknown): unknown {
  const faults = Object.entries(query ?? {})
    .filter(([, value]) => typeof value !== "string" || value.trim() === "")
    .map(([name, value]) => ({
      field: `query.${name.slice(0, 100)}`,
      reason: typeof value === "string" ? "must not be empty" : "must be given once",
    }));
  if (faults.length > 0) throw invalidRequest(faults.slice(0, 20));
  return query;
}

function keyOf({ headers }: RawRequest): string | undefined {
  const key = headers["idempotency-key"];
  if (key === undefined || (typeof key === "string" && keyShape.test(key))) return key;
  throw invalidRequest(
    [{ field: "header.idempotency-key", reason: "must be 1 to 128 printable characters" }],
    "Send a UUID, or leave it out.",
  );
}

export function fail(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const shown = asProblem(error, request);
  const { status } = kinds[shown.kind];
  witnessOf(request).code = shown.code;
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
    return invalidRequest([unreadablePart(error)], sendJson);
  return problem(
    "bug",
    "bug",
    `Something went wrong that should not have. Its incident id is ${request.id}.`,
    {
      fix: `Report it with the id; the manager's log has the rest: grep ${request.id}`,
    },
  );
}

/** What Fastify refused before any route saw it, by Fastify's name for it. */
function unreadablePart(error: Error & { code?: unknown }): Fault {
  switch (error.code) {
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return { field: "header.content-type", reason: "must be application/json" };
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return { field: "body", reason: "is larger than 512 KiB" };
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return { field: "header.content-length", reason: "is not the length of the body" };
    case "FST_ERR_BAD_URL":
      return { field: "path", reason: "is not a readable URL" };
    case "FST_ERR_MAX_PARAM_LENGTH":
      return { field: "path", reason: "has a part that is longer than any name" };
    default:
      return { field: "request", reason: "cannot be read" };
  }
}

const noRoute = ({ method, url }: FastifyRequest) =>
  problem("not_found", "route_not_found", `There is no ${method} ${url.slice(0, 200)}.`, {
    fix: "See what there is: /openapi.json",
  });
