/**
 * The port that agents connect to: TLS with certificates on both sides, WebSocket inside, and the one
 * door for machines that have no certificate yet.
 *
 * Whether a certificate was ours is for TLS to say; whether it still counts is asked of the database at
 * every connection.
 */

import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { TLSSocket } from "node:tls";
import { GuardReport } from "@holdfast/cloud/hosts";
import { JoinRequest } from "@holdfast/cloud/hosts/api";
import type { enrolment, Hub, Identity } from "@holdfast/cloud/hosts/edge";
import type { Blobs, Digest } from "@holdfast/drivers/images";
import type { HostId } from "@holdfast/kernel/ids";
import { kinds, Problem, problem, viewOf } from "@holdfast/kernel/problem";
import { seconds } from "@holdfast/kernel/time";
import type { Logger } from "pino";
import { WebSocketServer } from "ws";
import { z } from "zod";
import { invalidRequest, parse, readJson } from "./reading.ts";

export interface AgentPortDeps {
  readonly identity: Identity;
  readonly authority: string;
  readonly enrolment: ReturnType<typeof enrolment>;
  readonly hub: Hub;
  readonly blobs: Blobs;
  /**
   * The guard of a host asks by itself, because its agent does not. Resolves with the terms once the lease is
   * renewed; rejects with a Problem if it is not.
   */
  readonly onGuardRenewal: (host: HostId, renewal: GuardRenewal) => Promise<GuardTerms>;
  readonly log: Logger;
}

/** What a guard says when it renews the lease past its agent. */
export const GuardRenewal = GuardReport.extend({
  epoch: z.number().int(),
  bootId: z.string().min(1).max(200),
});
export type GuardRenewal = z.output<typeof GuardRenewal>;

/** Milliseconds. */
export interface GuardTerms {
  readonly lease: number;
  readonly killBudget: number;
  readonly watchdog: number;
}

export interface AgentPort {
  readonly server: Server;
  /** Lets nobody in any more, and ends what is still open a moment later, in whatever state that is. */
  close(): Promise<void>;
}

/**
 * For goodbyes to be said and heard. Node counts every socket before it calls a server closed, and knows no way to
 * end those whose handshake is under way, nor those that have become WebSockets.
 */
const goodbyeTime = seconds(1);

/** A report of a thousand guests with the tails of their logs is about 10 MB. */
const largestMessage = 64 * 1024 * 1024;

export function agentPort({
  identity,
  authority,
  enrolment,
  hub,
  blobs,
  onGuardRenewal,
  log,
}: AgentPortDeps): AgentPort {
  const server = createServer({
    cert: `${identity.certificate}\n${authority}`, // Whoever joins knows the authority by its fingerprint.
    key: identity.key,
    ca: authority,
    requestCert: true,
    rejectUnauthorized: false, // A machine that joins has none yet; every other door asks for it.
    minVersion: "TLSv1.3",
  });
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: largestMessage,
    perMessageDeflate: false,
  });

  const raw = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    raw.add(socket);
    socket.once("close", () => raw.delete(socket));
  });
  server.on("request", (request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!(error instanceof Problem)) log.error({ error }, "bug");
      refuse(response, error);
    });
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    welcome(request).then(
      (host) =>
        sockets.handleUpgrade(request, socket, head, (open) => {
          const send = inOnePacket(socket, (text) => open.send(text));
          const link = hub.connected(host, {
            send,
            close: () => open.close(),
          });
          open.on("message", (data) => link.said(String(data)));
          open.on("close", () => link.closed());
          open.on("error", (error) => log.warn({ host, error }, "link"));
        }),
      (error) => {
        log.warn({ error }, "refused an agent");
        socket.end("HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n");
      },
    );
  });
  server.on("tlsClientError", (error) => log.debug({ error }, "TLS"));
  return {
    server,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      const late = setTimeout(() => {
        for (const socket of raw) socket.destroy();
      }, goodbyeTime);
      await closed;
      clearTimeout(late);
    },
  };

  async function welcome(request: IncomingMessage): Promise<HostId> {
    const tls = request.socket as TLSSocket; // This server speaks nothing else.
    const { fingerprint256 } = tls.getPeerCertificate();
    if (!tls.authorized || !fingerprint256) throw notWelcome();
    const host = await enrolment.isWelcome(fingerprint256.replaceAll(":", "").toLowerCase());
    if (!host) throw notWelcome();
    return host;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === "POST" && request.url === "/join") {
      const body = readJson(await bodyOf(request));
      const { token, name, signingRequest } = parse(JoinRequest, body, "body");
      const joined = await enrolment.join(token, name, signingRequest);
      response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(joined));
      return;
    }
    if (request.method === "POST" && request.url === "/guard/renew") {
      const host = await welcome(request); // Before the body: strangers are not listened to.
      const body = parse(GuardRenewal, readJson(await bodyOf(request)), "body");
      const { lease, killBudget, watchdog } = await onGuardRenewal(host, body);
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ lease, killBudget, watchdog }));
      return;
    }
    const [, hex] = /^\/blobs\/sha256:([0-9a-f]{64})$/.exec(request.url ?? "") ?? [];
    if (request.method === "GET" && hex) {
      await welcome(request);
      const digest: Digest = `sha256:${hex}`;
      const file = await blobs.find(digest);
      if (!file) throw problem("not_found", "blob_missing", `This manager has no blob ${digest}.`);
      response.writeHead(200, { "content-type": "application/octet-stream" });
      await pipeline(createReadStream(file), response);
      return;
    }
    if (request.method === "PUT" && hex) {
      await welcome(request); // Before the body, as above.
      const digest: Digest = `sha256:${hex}`;
      if (!(await blobs.find(digest))) await blobs.put(request, digest);
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
      return;
    }
    throw problem("not_found", "route_not_found", "Agents join here, bring blobs, and connect.");
  }
}

/** What is said to a host in one breath is encrypted and handed to the kernel once, and not word by word. */
function inOnePacket(socket: Duplex, send: (text: string) => void): (text: string) => void {
  let isHeld = false;
  return (text) => {
    if (!isHeld) {
      isHeld = true;
      socket.cork();
      setImmediate(() => {
        isHeld = false;
        socket.uncork();
      });
    }
    send(text);
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > 65_536)
      throw invalidRequest([{ field: "body", reason: "is larger than 64 KiB" }], joinAgain);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
const joinAgain = "Join again: holdfast join ADDRESS --token TOKEN";

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const shown =
    error instanceof Problem
      ? error
      : problem("bug", "bug", "Something went wrong that should not have; see the manager's log.");
  response
    .writeHead(kinds[shown.kind].status, { "content-type": "application/json" })
    .end(JSON.stringify(viewOf(shown)));
}

const notWelcome = () =>
  problem(
    "forbidden",
    "certificate_not_accepted",
    "This certificate is missing, not ours, over or revoked.",
    {
      fix: "Join again: ask an operator for `holdfast hosts token`.",
    },
  );
