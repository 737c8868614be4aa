/** The guard's local socket. Only root may open it: whoever can say "renewed" keeps guests alive. */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Agents } from "./agents.ts";

/** An agent that reads nothing must not fill our memory. */
const mostUnread = 65_536;

export async function openSocket(
  path: string,
  agents: Pick<Agents, "connected">,
): Promise<{ close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  rmSync(path, { force: true }); // Of a guard that was killed.
  const server = createServer((socket) => {
    sockets.add(socket);
    const agent = agents.connected((line) => {
      if (socket.writableLength < mostUnread) socket.write(`${line}\n`);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      agent.closed();
    });
    const lines = createInterface({ input: socket });
    lines.on("error", () => {}); // It repeats the errors of its socket.
    lines.on("line", (line) => agent.said(line));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
