/**
 * A small manager for tests: serves pairs of route and answer over real HTTP, as the real one does.
 *
 * It has no state and no opinion; those are the test's. It parses what it gets with the route's own
 * shapes, so a test that passes here has sent what the real manager would accept.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { AccountId, ProjectId } from "@holdfast/kernel/ids";
import { kinds, Problem, problem, viewOf } from "@holdfast/kernel/problem";
import type { Caller, Handler, Request } from "@holdfast/kernel/route";

export interface FakeManager {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  /** Every request that arrived, as `GET /v1/…`, with its headers. */
  readonly heard: readonly Heard[];
  stop(): Promise<void>;
}

export interface Heard {
  readonly line: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

export interface FakeOptions {
  /** The same port again, to be a manager that was restarted. */
  readonly port?: number;
  readonly token?: string;
  /** Looks at a request before any route does; true if it has answered. */
  readonly before?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** Serves `handlers` on 127.0.0.1 until it is stopped. */
export async function serveFake(
  handlers: readonly Handler[],
  { port = 0, token = "secret", before }: FakeOptions = {},
): Promise<FakeManager> {
  const heard: Heard[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    if (before?.(request, response)) return;
    void answer(handlers, token, request, heard).then(
      ([status, body]) => reply(response, status, body),
      (error: unknown) => {
        const known =
          error instanceof Problem ? error : problem("bug", "internal", `The fake broke: ${error}`);
        reply(response, kinds[known.kind].status, viewOf(known));
      },
    );
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const { port: taken } = server.address() as AddressInfo; // A TCP server that listens has one.
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return { url: `http://127.0.0.1:${taken}`, port: taken, server, heard, stop };
}

async function answer(
  handlers: readonly Handler[],
  token: string,
  request: IncomingMessage,
  heard: Heard[],
): Promise<readonly [number, unknown]> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  const text = Buffer.concat(pieces).toString();
  const body =
    text && request.headers["content-type"] === "application/json"
      ? JSON.parse(text)
      : text || undefined;
  heard.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
  if (request.headers.authorization !== `Bearer ${token}`)
    throw problem("unauthenticated", "unauthenticated", "The token is not known.");
  const { pathname, searchParams } = new URL(request.url ?? "", "http://fake");
  for (const { route, answer } of handlers) {
    const match = patternOf(route.path).exec(pathname);
    if (!match || route.method !== request.method) continue;
    const params = Object.fromEntries(
      Object.entries(match.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]),
    );
    const asked: Request<unknown, unknown, unknown> = {
      params: parsed(route.params, params, "params"),
      query: parsed(route.query, Object.fromEntries(searchParams), "query"),
      body: parsed(route.body, body, "body"),
      caller: anybody,
      requestId: String(request.headers["x-request-id"] ?? ""),
      idempotencyKey: request.headers["idempotency-key"]?.toString(),
    };
    return [route.reply[0], await answer(asked as never)]; // It was parsed with the shapes of this very route.
  }
  throw problem("not_found", "route_not_found", `There is no ${request.method} ${pathname}.`);
}

/** Nobody asks here who it is. */
const anybody: Caller = {
  name: "test",
  account: "0197a000-0000-7000-8000-00000000000a" as AccountId,
  by: { kind: "key", id: "HFTEST" },
  grants: [],
  only: undefined,
};

function parsed(shape: Handler["route"]["body"], value: unknown, where: string): unknown {
  const read = shape.safeParse(value);
  if (read.success) return read.data;
  throw problem("invalid", "invalid_request", "The request is not valid.", {
    faults: read.error.issues.map(({ path, message }) => ({
      field: [where, ...path].join("."),
      reason: message,
    })),
  });
}

const patternOf = (path: string) => new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`);

function reply(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** The id of the project that every fake knows. */
export const defaultProject = "0197a000-0000-7000-8000-00000000000d" as ProjectId;
