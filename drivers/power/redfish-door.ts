/**
 * One request to a BMC, with a deadline: JSON over HTTP or HTTPS with a name and password.
 *
 * BMCs come with certificates that nobody signed. Pin the fingerprint of the one it has; without any
 * check, whoever answers at that address could say that a host is off.
 */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { TLSSocket } from "node:tls";
import { parsed } from "@holdfast/kernel/parsed";
import { problem } from "@holdfast/kernel/problem";
import type { Duration } from "@holdfast/kernel/time";

export interface BmcDoor {
  /** `http://` or `https://`, host and port. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** SHA-256 of its certificate in hex, colons allowed. Without it, a public authority must vouch. */
  readonly fingerprint?: string;
}

export interface BmcAnswer {
  readonly status: number;
  /** Undefined if it is no JSON. */
  readonly body: unknown;
}

/** A ComputerSystem is a few KiB. */
const largestAnswer = 1 << 20;

/** Rejects with `power_unreachable`. A refusal is an answer. */
export function bmcDoor({ url, user, password, fingerprint }: BmcDoor) {
  const base = new URL(url);
  const isSecret = base.protocol === "https:";
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const pinned = fingerprint?.replaceAll(":", "").toLowerCase();
  return (method: string, path: string, body: unknown, within: Duration): Promise<BmcAnswer> =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const late = AbortSignal.timeout(within);
      const fail = (cause: unknown) => reject(unreachable(base.host, cause));
      const ask = (isSecret ? httpsRequest : httpRequest)(
        new URL(path, base),
        {
          method,
          // A connection of its own each time: one that was left open may have died unnoticed.
          agent: false,
          signal: late,
          ...(pinned ? { rejectUnauthorized: false } : {}),
          headers: {
            authorization,
            accept: "application/json",
            ...(text === undefined
              ? {}
              : {
                  "content-type": "application/json",
                  "content-length": Buffer.byteLength(text),
                }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          let length = 0;
          response.on("data", (chunk: Buffer) => {
            length += chunk.length;
            if (length > largestAnswer) ask.destroy(new Error("an endless answer"));
            else chunks.push(chunk);
          });
          response.on("error", fail);
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              body: parsed(Buffer.concat(chunks).toString("utf8")),
            }),
          );
        },
      );
      ask.on("error", fail);
      if (!isSecret || !pinned) ask.end(text);
      else
        ask.on("socket", (socket) => {
          // The password is in the first bytes, so nothing is sent before this is who it should be.
          socket.once("secureConnect", () => {
            const { fingerprint256 = "" } = (socket as TLSSocket).getPeerCertificate(); // It is HTTPS.
            if (fingerprint256.replaceAll(":", "").toLowerCase() === pinned) ask.end(text);
            else ask.destroy(new Error("it shows another certificate"));
          });
        });
    });
}

const unreachable = (host: string, cause: unknown) =>
  problem(
    "unavailable",
    "power_unreachable",
    `The BMC at ${host} does not answer.`,
    { fix: "Check its address, its network and its own power." },
    cause,
  );
