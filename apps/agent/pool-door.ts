/**
 * The door of a storage host: other hosts of the same cloud ask it for what a pool of its can do.
 *
 * Both ends show the certificate that they got when they joined. Those are for clients only, so that no host can
 * pass for a manager; the one that serves is therefore looked at by hand, instead of by TLS: signed by our
 * authority, in its time, and a host's.
 */
import { randomUUID, X509Certificate } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { connect, type TLSSocket } from "node:tls";
import type { Membership } from "@holdfast/cloud/agent/edge";
import {
  answerFor,
  extractArgs,
  type PoolDoor,
  type PoolKeeper,
} from "@holdfast/drivers/volumes/remote";
import { kinds, Problem, problem, viewOf } from "@holdfast/kernel/problem";
import { z } from "zod";

export interface DoorServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface DoorServerOptions {
  readonly address: string;
  readonly port: number;
  readonly membership: Membership;
  /** By name. */
  readonly pools: ReadonlyMap<string, PoolKeeper>;
  /** For images on their way out. */
  readonly leaving: string;
}

/** A backup of a large volume takes hours, and so does the answer. Milliseconds from try to try of the connection. */
const connectTime = 5_000;
const longestBody = 65_536;
/** RFC 5280: for TLS clients. Of all certificates of ours only those of hosts have it. */
const forClients = "1.3.6.1.5.5.7.3.2";
const Body = z.array(z.unknown()).max(8);
const Refusal = z.object({
  kind: z.enum(Object.keys(kinds) as [keyof typeof kinds, ...(keyof typeof kinds)[]]), // There are some.
  code: z.string(),
  message: z.string(),
  fix: z.string().optional(),
});

export async function serveDoor(options: DoorServerOptions): Promise<DoorServer> {
  const { address, port, membership, pools, leaving } = options;
  const server = createServer({
    cert: membership.certificate,
    key: membership.key,
    ca: membership.authority,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
  });
  server.timeout = 0;
  server.requestTimeout = 0;
  server.on("request", (asked, response) => {
    answer(asked, response).catch((error: unknown) => refuse(response, error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound ? bound.port : port,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };

  async function answer(asked: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, name = "", method = ""] =
      /^\/pools\/([a-z0-9-]+)\/([A-Za-z]+)$/.exec(asked.url ?? "") ?? [];
    const keeper = pools.get(name);
    if (asked.method !== "POST" || !keeper) throw unreachable(`there is no pool ${name}`);
    const args = Body.parse(JSON.parse(await bodyOf(asked)));
    if (method === "extract") {
      const file = join(leaving, `${randomUUID()}.qcow2`);
      try {
        await keeper.pool.extract(...extractArgs(args), file);
        response.writeHead(200, { "content-type": "application/octet-stream" });
        await pipeline(createReadStream(file), response);
      } finally {
        await rm(file, { force: true });
      }
      return;
    }
    const result = answerFor(keeper, method, args);
    if (!result) throw unreachable(`it cannot ${method}`);
    const text = JSON.stringify((await result) ?? null);
    response.writeHead(200, { "content-type": "application/json" }).end(text);
  }
}

/** The pool `name` of the host at `address`. */
export function doorTo(
  address: string,
  port: number,
  name: string,
  membership: Membership,
): PoolDoor {
  return {
    async ask(method, args) {
      return JSON.parse(
        await bodyOf(await send(method, args), Number.POSITIVE_INFINITY),
      ) as unknown;
    },
    fetch: send,
  };

  async function send(method: string, args: readonly unknown[]): Promise<IncomingMessage> {
    const socket = await dial(address, port, membership);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const asking = request({
        createConnection: () => socket,
        method: "POST",
        path: `/pools/${name}/${method}`,
        headers: { host: address, "content-type": "application/json", connection: "close" },
      });
      asking.on("response", resolve);
      asking.on("error", (error) => reject(unreachable(error.message, error)));
      asking.end(JSON.stringify(args));
    });
    if (response.statusCode === 200) return response;
    const refusal = Refusal.safeParse(JSON.parse(await bodyOf(response)));
    if (!refusal.success) throw unreachable(`it answers ${response.statusCode}`);
    const { kind, code, message, fix } = refusal.data;
    throw problem(kind, code, message, fix === undefined ? {} : { fix });
  }
}

/** Connects, and looks at who is there before a word is said. */
function dial(address: string, port: number, membership: Membership): Promise<TLSSocket> {
  const { certificate: cert, key, authority } = membership;
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host: address, port, cert, key, minVersion: "TLSv1.3" },
      rejectUnauthorized: false, // It is looked at below.
    });
    const failed = (error: Error) => {
      socket.destroy();
      reject(unreachable(error.message, error));
    };
    socket.setTimeout(connectTime, () => failed(new Error("it does not answer")));
    socket.once("error", failed);
    socket.once("secureConnect", () => {
      const peer = socket.getPeerX509Certificate();
      if (!peer || !isHost(peer, new X509Certificate(authority)))
        return failed(new Error("whoever is there is not a host of this cloud"));
      socket.setTimeout(0);
      socket.off("error", failed);
      resolve(socket);
    });
  });
}

function isHost(peer: X509Certificate, authority: X509Certificate): boolean {
  const now = Date.now();
  const isInTime = Date.parse(peer.validFrom) <= now && now <= Date.parse(peer.validTo);
  const isOurs = peer.checkIssued(authority) && peer.verify(authority.publicKey);
  return isInTime && isOurs && !peer.ca && (peer.keyUsage ?? []).includes(forClients);
}

async function bodyOf(message: IncomingMessage, most = longestBody): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of message) {
    pieces.push(piece);
    length += piece.length;
    if (length > most) throw unreachable("it says too much");
  }
  return Buffer.concat(pieces).toString();
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  const shown = error instanceof Problem ? error : unreachable(String(error), error);
  response
    .writeHead(kinds[shown.kind].status, { "content-type": "application/json" })
    .end(JSON.stringify(viewOf(shown)));
}

const unreachable = (why: string, cause?: unknown): Problem =>
  problem(
    "unavailable",
    "pool_unreachable",
    `The host that keeps the pool cannot be asked: ${why}.`,
    { fix: "See whether that host and its agent are up: holdfast hosts" },
    cause,
  );
