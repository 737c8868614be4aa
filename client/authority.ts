/**
 * Talking over TLS to a manager whose authority is its own: known by the fingerprint, and no other is believed.
 *
 * What a newcomer would get wrong: to switch verification off because the authority is in no list. It is asked for
 * once, without being believed, and must have the fingerprint that one was told; then everything is verified against
 * it, names and times too.
 */
import { createHash, X509Certificate } from "node:crypto";
import { request } from "node:https";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { problem } from "@holdfast/kernel/problem";

/** PEM of the authority with this SHA-256, as the manager at `url` shows it. Rejects with `authority_unknown`. */
export async function learnAuthority(url: string, fingerprint: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const wanted = fingerprint.replaceAll(":", "").toLowerCase();
  const shown = await chainOf(hostname.replaceAll(/[[\]]/g, ""), Number(port || 443));
  for (const raw of shown)
    if (createHash("sha256").update(raw).digest("hex") === wanted)
      return new X509Certificate(raw).toString();
  throw problem(
    "forbidden",
    "authority_unknown",
    `What answers at ${url} is not of the installation with the fingerprint ${wanted.slice(0, 16)}….`,
    { fix: "Check HOLDFAST_URL and HOLDFAST_CA: holdfast up prints both where it runs." },
  );
}

function chainOf(host: string, port: number): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, timeout: 10_000 }, () => {
      const chain: Buffer[] = [];
      let one: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
      // The last one is its own issuer.
      while (one?.raw && !chain.some((raw) => one?.raw.equals(raw))) {
        chain.push(one.raw);
        one = one.issuerCertificate;
      }
      socket.destroy();
      resolve(chain);
    });
    socket.on("timeout", () => socket.destroy(new Error("it did not answer in time")));
    socket.on("error", reject);
  });
}

/** `fetch` that believes this authority alone. As much of it as the client uses. */
export function fetchTrusting(authority: string): typeof globalThis.fetch {
  return (address, { method = "GET", headers = {}, signal, body } = {}) =>
    new Promise((resolve, reject) => {
      const asking = request(String(address), {
        ...{ method, ca: authority },
        headers: headers as Record<string, string>, // The client's own are plain objects.
        ...(signal ? { signal } : {}),
      });
      asking.on("response", (incoming) => {
        const pieces: Buffer[] = [];
        incoming.on("data", (piece: Buffer) => pieces.push(piece));
        incoming.on("error", reject);
        incoming.on("end", () => {
          const told = Object.entries(incoming.headers).flatMap(([name, value]) =>
            [value ?? []].flat().map((each): [string, string] => [name, each]),
          );
          const status = incoming.statusCode ?? 500;
          resolve(new Response(Buffer.concat(pieces), { status, headers: told }));
        });
      });
      asking.on("error", reject);
      asking.end(typeof body === "string" ? body : undefined);
    });
}
