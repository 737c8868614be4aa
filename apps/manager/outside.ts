/**
 * The doors for those who are not on this machine: the same as those inside, over TLS and nothing else.
 *
 * A key in the clear is anybody's on the way. So a manager that is told to answer beyond its machine without TLS does
 * not start, and the certificate is of the installation's own authority, which clients know by its fingerprint.
 */
import type { Server } from "node:http";
import { createServer, type Server as SecureServer } from "node:https";
import type { Authority } from "@holdfast/cloud/hosts/edge";
import { problem } from "@holdfast/kernel/problem";
import { refuseRaw, unreadable } from "./raw-answer.ts";

export interface Outside {
  readonly address: string;
  readonly port: number;
  /** What else this manager is called by those outside. */
  readonly names: readonly string[];
}

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

/** Whatever comes in here goes on to the door inside. */
export async function openOutside(
  { address, port, names }: Outside,
  inside: Server,
  authority: Authority,
): Promise<SecureServer> {
  const known = [...new Set([address, ...names].filter((name) => !/^(0\.0\.0\.0|::)$/.test(name)))];
  const { certificate, key } = await authority.issueServer(known);
  const server = createServer({
    cert: `${certificate}\n${authority.certificate}`, // Whoever pins the authority must be shown it.
    key,
    minVersion: "TLSv1.2",
    requestTimeout: 0, // As inside: an image may take an hour to come.
  });
  for (const event of ["request", "upgrade", "checkExpectation"] as const)
    server.on(event, (...told: unknown[]) => void inside.emit(event, ...told));
  server.on("clientError", (error: Error & { code?: string }, socket) =>
    refuseRaw(socket, unreadable(error)),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  return server;
}

export function closeOutside(server: SecureServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
