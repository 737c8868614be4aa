/**
 * Listening at 169.254.169.254 in a namespace, from a process that is not in it.
 *
 * A short-lived child enters the namespace, listens and hands the socket over. So the answers are made
 * here, and the address that a connection comes from is the guest's own, which the filters vouch for. A
 * proxy in the namespace was the other way: it would have had to be believed about who asks.
 */
import { spawn } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Server, type Socket } from "node:net";
import { environment, namespaceFile } from "./commands.ts";
import { type MetadataAnswer, type MetadataAsk, metadataAddress } from "./driver.ts";
import { failed } from "./metadata-answers.ts";

/** What the connection says of itself, before it is known whose address that is. */
export type Ask = Pick<MetadataAsk, "method" | "path" | "headers"> & { readonly from: string };

export interface Listener {
  close(): Promise<void>;
}

// One guest must not take what all guests of a host share.
const mostConnections = 200;
const patience = 5_000;

/** Text, because it runs from `node -e`: in a bundle there is no file of it. */
const child = `
const server = require("node:net").createServer();
const tell = (message, handle) => process.send(message, handle, () => process.exit());
server.on("error", (error) => tell({ error: error.message }));
server.listen(80, "${metadataAddress}", () => tell({}, server));
`;

export async function listenIn(
  namespace: string,
  answer: (ask: Ask) => Promise<MetadataAnswer>,
): Promise<Listener> {
  const server = await socketOf(namespace);
  const http = createServer(
    { requestTimeout: patience, headersTimeout: patience },
    (request, response) => {
      void reply(request, response, answer);
    },
  );
  const sockets = new Set<Socket>();
  server.maxConnections = mostConnections;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.setTimeout(patience, () => socket.destroy());
    http.emit("connection", socket);
  });
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function socketOf(namespace: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const words = [`--net=${namespaceFile(namespace)}`, process.execPath, "-e", child];
    const helper = spawn("nsenter", words, {
      env: environment,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let complaints = "";
    helper.stderr?.setEncoding("utf8").on("data", (data: string) => {
      complaints += data;
    });
    const timer = setTimeout(() => helper.kill("SIGKILL"), 2 * patience);
    helper.on("message", (message, handle) => {
      if (handle instanceof Server) resolve(handle);
      else complaints += JSON.stringify(message);
    });
    helper.on("error", reject);
    helper.on("close", () => {
      clearTimeout(timer);
      reject(new Error(`nobody listens in ${namespace}: ${complaints.trim()}`));
    });
  });
}

async function reply(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (ask: Ask) => Promise<MetadataAnswer>,
): Promise<void> {
  request.resume(); // Nothing here takes a body.
  const headers = Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as const],
    ),
  );
  const { method = "", url: path = "" } = request;
  const from = request.socket.remoteAddress ?? "";
  const answered = await answer({ method, path, headers, from }).catch(() => failed);
  response.writeHead(answered.status, answered.headers).end(answered.body);
}
