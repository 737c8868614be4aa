/**
 * The operator's door: HTTP over a Unix socket that only root may open. Shapes and paths are in client.ts.
 */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { kinds, Problem, problem } from "@holdfast/kernel/problem";
import type { Logger } from "pino";
import { Order } from "./client.ts";
import type { Room } from "./room.ts";

export async function openDoor(path: string, room: Room, log: Logger): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, room)
      .then((body) => write(response, 200, body))
      .catch((error: unknown) => {
        if (!(error instanceof Problem)) log.error({ error }, "bug");
        const shown =
          error instanceof Problem ? error : problem("bug", "bug", `A bug: ${String(error)}`);
        const { kind, code, message } = shown;
        write(response, kinds[kind].status, { kind, code, message });
      });
  });
  rmSync(path, { force: true }); // Of a room that was killed.
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return server;
}

async function answer(request: IncomingMessage, room: Room): Promise<unknown> {
  const asked = `${request.method} ${request.url}`;
  if (asked === "GET /room") return room.view();
  if (asked === "POST /rest") return room.rest().then(() => ({}));
  if (asked === "POST /rise") return room.rise().then(() => ({}));
  if (asked === "POST /dismantle") return room.dismantle().then(() => ({}));
  const [, host] = /^POST \/hosts\/([\w-]+)$/.exec(asked) ?? [];
  if (!host) throw problem("not_found", "route_not_found", `There is no ${asked} here.`);
  const order = Order.safeParse(JSON.parse(await bodyOf(request)));
  if (!order.success)
    throw problem("invalid", "invalid_request", `Not an order: ${order.error.message}`);
  return room.perform(host, order.data);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}

function write(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
