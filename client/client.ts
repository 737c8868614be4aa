/**
 * The typed client: a route value in, its reply out. The only way in for the command line and console.
 *
 * It rests on `fetch` alone, so that a browser can use it too; what needs more (console, upload) is in
 * files of its own. It does not retry: who may wait, and for how long, is the caller's business
 * (patience.ts). It does not check what it sends either: the manager does, and says so field by field.
 */
import { codeOf } from "@holdfast/kernel/code-of";
import { Problem } from "@holdfast/kernel/problem";
import type { Route } from "@holdfast/kernel/route";
import type { z } from "zod";
import { addressOf, type Place } from "./address.ts";
import { replyOf, unreachable } from "./answer.ts";

type Shape = z.ZodType;

/** Where a manager is and who asks. Any manager of the platform will do. */
export interface Connection {
  readonly url: string;
  readonly token: string;
  /** Joins every log line that these calls cause, down to the host. */
  readonly requestId?: string | undefined;
  readonly fetch?: typeof globalThis.fetch;
  /** PEM of the only authority that is believed; absent: those that the system knows. See authority.ts. */
  readonly authority?: string | undefined;
  /** How long one call may stay without an answer; 30 if absent. `waitSeconds` of a call comes on top. */
  readonly timeoutSeconds?: number;
  /** Gives up every call that is under way. */
  readonly signal?: AbortSignal | undefined;
}

export interface Client {
  readonly connection: Connection;
  /** Calls a route. Throws a Problem for every answer that is not a success, and for no answer. */
  call<P extends Shape, Q extends Shape, B extends Shape, R extends Shape>(
    route: Route<P, Q, B, R>,
    ...input: Input<P, Q, B>
  ): Promise<z.output<R>>;
}

export type ReplyOf<T> = T extends Route<Shape, Shape, Shape, infer R> ? z.output<R> : never;

type Part<Key extends string, S extends Shape> =
  Partial<Record<never, never>> extends z.input<S>
    ? { readonly [K in Key]?: z.input<S> }
    : undefined extends z.input<S>
      ? { readonly [K in Key]?: z.input<S> }
      : { readonly [K in Key]: z.input<S> };

interface Manner {
  /** The same key and the same request are carried out once, however often they are sent. */
  readonly idempotencyKey?: string | undefined;
  readonly requestId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Given<P extends Shape, Q extends Shape, B extends Shape> = Part<"params", P> &
  Part<"query", Q> &
  Part<"body", B> &
  Manner;

/** Optional as a whole where nothing in it is required. */
export type Input<P extends Shape, Q extends Shape, B extends Shape> =
  Partial<Record<never, never>> extends Given<P, Q, B>
    ? [input?: Given<P, Q, B>]
    : [input: Given<P, Q, B>];

/** A client of the manager at `url`. Connects to nothing until it is used. */
export function connect(connection: Connection): Client {
  return {
    connection,
    call: async (route, ...[input]) => {
      const asked: Asked = input ?? {};
      const [, shape] = route.reply;
      return replyOf(shape, await ask(connection, route, asked));
    },
  };
}

/** What an input may hold, for code that no longer cares about shapes. */
interface Asked extends Manner {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
}

const defaultTimeoutSeconds = 30;

async function ask(
  connection: Connection,
  route: Pick<Route<Shape, Shape, Shape, Shape>, "method" | "path">,
  asked: Asked,
) {
  const { url, fetch = globalThis.fetch } = connection;
  const place = asked as Place; // Shapes of params and query are objects; the routes say so.
  const address = addressOf(url, route.path, place);
  const extra = Number(place.query?.waitSeconds ?? 0);
  const limit = (connection.timeoutSeconds ?? defaultTimeoutSeconds) + extra;
  const timeout = AbortSignal.timeout(limit * 1_000);
  const asides = [connection.signal, asked.signal].filter((signal) => signal !== undefined);
  const hasBody = asked.body !== undefined;
  try {
    const answer = await fetch(address, {
      method: route.method,
      headers: headersOf(connection, asked, hasBody ? { "content-type": "application/json" } : {}),
      signal: AbortSignal.any([timeout, ...asides]),
      ...(hasBody && { body: JSON.stringify(asked.body) }),
    });
    const retryAfter = answer.headers.get("retry-after") ?? undefined;
    return { status: answer.status, text: await answer.text(), retryAfter, url };
  } catch (error) {
    for (const signal of asides) signal.throwIfAborted();
    if (timeout.aborted) throw unreachable(url, `It did not answer within ${limit} s.`, error);
    throw error instanceof Problem ? error : unreachable(url, whyNot(error), error);
  }
}

/** The headers of every request, whatever carries it. */
export function headersOf(
  connection: Connection,
  { requestId = connection.requestId, idempotencyKey }: Manner = {},
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    authorization: `Bearer ${connection.token}`,
    accept: "application/json",
    ...(requestId !== undefined && { "x-request-id": requestId }),
    ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
    ...more,
  };
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "Nothing listens there.",
  ECONNRESET: "The connection was cut.",
  UND_ERR_SOCKET: "The connection was cut.",
  EPIPE: "The connection was cut.",
  ENOTFOUND: "There is no machine of that name.",
  EAI_AGAIN: "Its name could not be looked up.",
  EHOSTUNREACH: "There is no way to that machine.",
  ENETUNREACH: "There is no way to that network.",
  ETIMEDOUT: "That machine does not answer.",
  UND_ERR_CONNECT_TIMEOUT: "That machine does not answer.",
  DEPTH_ZERO_SELF_SIGNED_CERT: "Its certificate is not signed by anybody this machine trusts.",
  SELF_SIGNED_CERT_IN_CHAIN: "Its certificate is not signed by anybody this machine trusts.",
};

/** In words, why a connection failed. `fetch` wraps the reason in a cause, other callers do not. */
export function whyNot(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = codeOf(inner) ?? "";
  return reasons[code] ?? (code ? `The connection failed (${code}).` : "The connection failed.");
}
