/**
 * The doors for those who are not on this machine: the same as those inside, over TLS and nothing else.
 *
 * A key in the clear is anybody's on the way. So a manager that is told to answer beyond its machine without TLS does
 * not start, and the certificate is of the installation's own authority, which clients know by its fingerprint.
 */
import type { Server } from "node:http";
import type { Server as NetServer } from "node:net";
import { createServer, type Server as SecureServer, type TLSSocket } from "node:tls";
import type { Authority } from "@holdfast/cloud/hosts/edge";
import { problem } from "@holdfast/kernel/problem";

export interface Outside {
  readonly address: string;
  readonly port: number;
  /** What else this manager is called by those outside. */
  readonly names: readonly string[];
}

/** How long the greeting of TLS may take; milliseconds. */
const longestGreeting = 10_000;

/** Rejects with `listen_needs_tls`. */
export function mustBeInside(address: string): void {
  if (/^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(address)) return;
  throw problem(
    "invalid",
    "listen_needs_tls",
    `${address} is not of this machine alone, and what is said there could be read on the way.`,
    { fix: "Listen on 127.0.0.1, and let others in over TLS: holdfast up --listen ADDRESS" },
  );
}

/**
 * Whoever has come in over TLS is handed to the server inside, whose limits then hold here as well: a server of its own
 * would have limits and counts of its own.
 */
export async function openOutside(
  { address, port, names }: Outside,
  inside: Server,
  authority: Authority,
): Promise<{ readonly server: SecureServer; close(): Promise<void> }> {
  const known = [...new Set([address, ...names].filter((name) => !/^(0\.0\.0\.0|::)$/.test(name)))];
  const { certificate, key } = await authority.issueServer(known);
  const open = new Set<TLSSocket>();
  const server = createServer(
    {
      cert: `${certificate}\n${authority.certificate}`, // Whoever pins the authority must be shown it.
      key,
      minVersion: "TLSv1.2",
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: longestGreeting,
    },
    (socket) => {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
      inside.emit("connection", socket);
    },
  );
  await listening(server, { port, address });
  return {
    server,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** Rejects if that is not to be had. */
export function listening(
  server: NetServer,
  { port, address }: { readonly port: number; readonly address: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
}
