/** Short ways to declare the routes that most are like: what is not said is as it usually is. */
import { z } from "zod";
import type { Kind } from "./problem.ts";
import { type Route, route } from "./route.ts";
import { Page } from "./shapes.ts";

/** For what has no parameters, and for what asks nothing. */
export const none = z.strictObject({});

type Shape = z.ZodType;
interface Declared<P extends Shape>
  extends Pick<Route<P, Shape, Shape, Shape>, "path" | "summary" | "needs"> {
  readonly params: P;
  readonly fails?: Readonly<Record<string, Kind>>;
}
interface Plain<P extends Shape, R extends Shape> extends Declared<P> {
  readonly reply: R;
}
/** `query`: where there is something to choose. */
interface Choosing<P extends Shape, Q extends Shape, R extends Shape> extends Plain<P, R> {
  readonly query?: Q;
}
interface Change<P extends Shape, B extends Shape, R extends Shape> extends Declared<P> {
  readonly body: B;
  readonly reply: readonly [status: 200 | 201 | 202, shape: R];
}

/** Says what there is. */
export const reads = <P extends Shape, R extends Shape, Q extends Shape = typeof none>({
  query,
  reply,
  fails = {},
  ...declared
}: Choosing<P, Q, R>) =>
  route({
    method: "GET",
    query: query ?? (none as Shape as Q), // Without a query, Q is what it is by default.
    body: z.undefined(),
    ...declared,
    reply: [200, reply],
    fails,
  });

/** Says what there is, a page at a time: its reply has a `next`. */
export const lists = <P extends Shape, R extends Shape>({
  reply,
  fails,
  ...declared
}: Plain<P, R>) =>
  route({
    method: "GET",
    query: Page,
    body: z.undefined(),
    ...declared,
    reply: [200, reply],
    fails: { cursor_not_valid: "invalid", ...fails },
  });

/** Takes something away, and says what it was. */
export const removes = <P extends Shape, R extends Shape, Q extends Shape = typeof none>({
  query,
  reply,
  fails = {},
  ...declared
}: Choosing<P, Q, R>) =>
  route({
    method: "DELETE",
    query: query ?? (none as Shape as Q), // The same.
    body: z.undefined(),
    ...declared,
    reply: [200, reply],
    fails,
  });

/** Makes or changes something, as its body says: done (200, 201), or begun (202). */
export const changes = <P extends Shape, B extends Shape, R extends Shape>(
  method: "POST" | "PUT" | "PATCH",
  { fails = {}, ...declared }: Change<P, B, R>,
) => route({ method, query: none, ...declared, fails });
