/**
 * The two addresses that a browser is sent to and fro by at single sign-on. No routes as the others are: what they
 * answer is where to go next.
 *
 * Back here a browser has been sent by the provider, so its cookie of a session does not come along (it is for our own
 * pages alone), and a fresh one is given. What does come along is the cookie of this sign-in, which is for that: `Lax`.
 */
import { type Access, giveCookie, type SingleSignOn } from "@holdfast/cloud/access/edge";
import type { Instant } from "@holdfast/kernel/time";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { doorOf } from "./http.ts";

const back = "/v1/sign-on/callback";

interface Deps {
  readonly access: Access;
  readonly signOn: SingleSignOn;
  readonly now: () => Instant;
}

export function signOnRoutes(server: FastifyInstance, { access, signOn, now }: Deps): void {
  server.get("/v1/sign-on", async (request, reply) => {
    access.admitNobody(request.ip);
    const { location, state } = await signOn.begin(`${originOf(request)}${back}`);
    reply.header("set-cookie", wayCookie(state, doorOf(request, reply).isSecure));
    return reply.header("cache-control", "no-store").redirect(location, 302);
  });
  server.get(back, async (request, reply) => {
    access.admitNobody(request.ip);
    const door = doorOf(request, reply);
    const { source, agent } = door;
    const returned = new URL(request.url, originOf(request));
    const from = { source, agent, requestId: request.id };
    const begun = await signOn.finish(returned, wayIn(request.headers.cookie), from);
    door.knownAs(begun.caller);
    giveCookie(door, begun.secret, begun.expiresAt - now());
    return reply.header("cache-control", "no-store").redirect("/", 302);
  });
}

const wayName = "holdfast_sign_on";

const wayCookie = (state: string, isSecure: boolean) =>
  `${wayName}=${state}; Path=/v1/sign-on; HttpOnly; SameSite=Lax; Max-Age=600${isSecure ? "; Secure" : ""}`;

const wayIn = (cookies = "") =>
  new RegExp(`(?:^|;\\s*)${wayName}=([\\w-]{1,200})(?:;|$)`).exec(cookies)?.[1];

/** As the browser knows this manager: what was asked for, over what it was asked. */
const originOf = ({ host, protocol }: FastifyRequest) => `${protocol}://${host}`;
