/**
 * A route is a value: what may be asked, by whom, and what may come back. The server serves it, the
 * client calls it and the OpenAPI document prints it, so the three cannot disagree.
 */
import type { z } from "zod";
import type { AccountId, OrganisationId, ProjectId } from "./ids.ts";
import type { Kind } from "./problem.ts";

type Shape = z.ZodType;

export interface Route<P extends Shape, Q extends Shape, B extends Shape, R extends Shape> {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: `/v1/${string}`;
  readonly summary: string;
  /** The permission the caller needs, on the project or organisation in the path if there is one. */
  readonly needs: Permission;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly reply: readonly [status: 200 | 201 | 202, shape: R];
  /** Every `code` it may fail with, for the client's `switch` and the reader's eye. */
  readonly fails: Readonly<Record<string, Kind>>;
}

/**
 * `project:*` and `organisation:*` are about the one in the path, `platform:*` about everything, `caller:*` about
 * whoever asks, and `public` is for those who are not known yet. Which role has which: cloud/access/core/roles.ts.
 */
export type Permission =
  | "public"
  | "caller:read"
  | "caller:manage"
  | `project:${"read" | "operate" | "configure" | "grant" | "audit"}`
  | `organisation:${"read" | "grant" | "audit"}`
  | `platform:${"read" | "operate" | "grant" | "audit"}`;

/** A role, and on what it was given. */
export type Grant =
  | { readonly role: string; readonly on: "platform" }
  | { readonly role: string; readonly on: "organisation"; readonly id: OrganisationId }
  | { readonly role: string; readonly on: "project"; readonly id: ProjectId };

export interface Caller {
  /** As the journal names it. */
  readonly name: string;
  readonly account: AccountId;
  /** What it was known by. */
  readonly by:
    | { readonly kind: "key"; readonly id: string }
    | { readonly kind: "session"; readonly id: string };
  readonly grants: readonly Grant[];
  /** The only project that its key is for; undefined: wherever it has been given a role. */
  readonly only: ProjectId | undefined;
}

export interface Request<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly caller: Caller;
  /** Joins every log line and journal row that this request causes. */
  readonly requestId: string;
  /** The caller's `Idempotency-Key`: the same key and the same request are carried out once. */
  readonly idempotencyKey: string | undefined;
  /** Absent where the request came by no connection. */
  readonly door?: Door;
}

export const route = <P extends Shape, Q extends Shape, B extends Shape, R extends Shape>(
  declared: Route<P, Q, B, R>,
) => declared;

/** What is known of the connection that a request came by. */
export interface Door {
  /** The address of whoever asked. */
  readonly source: string;
  /** What it says it is. */
  readonly agent: string;
  /** Nobody on the way can read it. */
  readonly isSecure: boolean;
  /** What a page must send with each change, where the request came with a session. */
  readonly csrf: string | undefined;
  setHeader(name: string, value: string): void;
  /** Who it turned out to be, of a request that began as nobody's. For the audit log. */
  knownAs(caller: Caller): void;
}

/** Pairs a declaration with what it does. Adapters in apps/ turn the pairs into an HTTP server. */
export const handle = <P extends Shape, Q extends Shape, B extends Shape, R extends Shape>(
  declared: Route<P, Q, B, R>,
  answer: (request: Request<z.output<P>, z.output<Q>, z.output<B>>) => Promise<z.input<R>>,
) => ({ route: declared, answer });

/** Any route with its answer, for code that serves or lists them without knowing their shapes. */
export interface Handler {
  readonly route: Route<Shape, Shape, Shape, Shape>;
  readonly answer: (request: Request<never, never, never>) => Promise<unknown>;
}
