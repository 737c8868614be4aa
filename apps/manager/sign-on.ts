/**
 * The two addresses that a browser is sent to and fro by at single sign-on. No routes as the others are: what they
 * answer is where to go next.
 *
 * Back here a browser has been sent by the provider, so its cookie of a session does not come along (it is for our own
 * pages alone), and a fresh one is given.
 */
import type { SingleSignOn } from "@holdfast/cloud/access/edge";
import { giveCookie } from "@holdfast/cloud/access/edge";
import type { Instant } from "@holdfast/kernel/time";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { doorOf, witnessOf } from "./http.ts";

const back = "/v1/sign-on/callback";

export function signOnRoutes(
  server: FastifyInstance,
  { signOn, now }: { readonly signOn: SingleSignOn; readonly now: () => Instant },
): void {
  server.get("/v1/sign-on", async (request, reply) =>
    reply.redirect(await signOn.begin(`${originOf(request)}${back}`), 302),
  );
  server.get(back, async (request, reply) => {
    const { source, agent } = doorOf(request, reply);
    const returned = new URL(request.url, originOf(request));
    const { account, name, id, secret, expiresAt } = await signOn.finish(returned, {
      ...{ source, agent },
    });
    witnessOf(request).caller = {
      ...{ name, account, by: { kind: "session", id }, grants: [], only: undefined },
    };
    giveCookie(doorOf(request, reply), secret, expiresAt - now());
    return reply.redirect("/", 302);
  });
}

/** As the browser knows this manager: what was asked for, over what it was asked. */
const originOf = ({ host, raw }: FastifyRequest) =>
  `${"encrypted" in raw.socket ? "https" : "http"}://${host}`;
