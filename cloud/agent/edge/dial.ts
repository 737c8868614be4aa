/**
 * Reaching a manager: mutual TLS with the certificate that this host was given when it joined.
 *
 * Managers are tried in turn. Their certificate must come from the authority of the same cloud; which
 * name it carries does not matter, because a manager may be reached by many.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { request } from "node:https";
import type { Readable } from "node:stream";
import { createSecureContext } from "node:tls";
import type { Digest } from "@holdfast/drivers/images";
import { problem } from "@holdfast/kernel/problem";
import { type ClientOptions, WebSocket } from "ws";
import type { Dial } from "./link.ts";

/** What a host got when it joined. All PEM. */
export interface Membership {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

const handshakeTime = 5_000;
/** A manager that sends nothing for so long in the middle of a blob is given up. */
const blobSilence = 15_000;

export function dialler(
  managers: readonly string[],
  { certificate, key, authority }: Membership,
): Dial {
  let next = 0;
  // Made once: parsing keys again for every attempt would be most of the work of a reconnect.
  const secureContext = createSecureContext({
    cert: certificate,
    key,
    ca: authority,
    minVersion: "TLSv1.3",
  });
  return (onText, onClose) =>
    new Promise((resolve, reject) => {
      const manager = managers[next++ % managers.length];
      const socket = new WebSocket(`wss://${manager}/link`, {
        secureContext,
        checkServerIdentity: () => undefined,
        perMessageDeflate: false,
        handshakeTimeout: handshakeTime,
      } as unknown as ClientOptions); // `ws` hands TLS options on, its types do not say so.
      let isOpen = false;
      socket.on("message", (data) => onText(String(data)));
      socket.on("error", (error) => {
        if (!isOpen) reject(error);
      });
      socket.on("close", (code) => {
        if (isOpen) onClose(`closed with ${code}`);
      });
      socket.on("open", () => {
        isOpen = true;
        resolve({ send: (text) => socket.send(text), close: () => socket.terminate() });
      });
    });
}

/** The content of a blob, from whichever manager has it. Rejects with `blob_unreachable`. */
export async function fetchBlob(
  managers: readonly string[],
  { certificate, key, authority }: Membership,
  digest: string,
): Promise<Readable> {
  const faults: string[] = [];
  for (const manager of managers) {
    try {
      return await new Promise<Readable>((resolve, reject) => {
        const ask = request(
          `https://${manager}/blobs/${digest}`,
          {
            ...{ cert: certificate, key, ca: authority, checkServerIdentity: () => undefined },
            timeout: blobSilence,
          },
          (response) => {
            if (response.statusCode === 200) return resolve(response);
            response.resume();
            reject(new Error(`${manager} answers ${response.statusCode}`));
          },
        );
        ask.on("error", reject);
        ask.on("timeout", () => ask.destroy(new Error(`${manager} has fallen silent`)));
        ask.end();
      });
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw problem(
    "unavailable",
    "blob_unreachable",
    `No manager has ${digest}: ${faults.join("; ")}.`,
    {
      fix: "Import the image again: holdfast images import FILE",
    },
  );
}

/**
 * Brings a file to a manager as a blob, whichever takes it first, and resolves with its digest. A manager that
 * has it already says so and is sent nothing. May be repeated. Rejects with `blob_not_taken`.
 */
export async function pushBlob(
  managers: readonly string[],
  { certificate, key, authority }: Membership,
  file: string,
): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(file)) hash.update(piece);
  const digest: Digest = `sha256:${hash.digest("hex")}`;
  const faults: string[] = [];
  for (const manager of managers) {
    try {
      await new Promise<void>((resolve, reject) => {
        const content = createReadStream(file);
        const send = request(
          `https://${manager}/blobs/${digest}`,
          {
            ...{ cert: certificate, key, ca: authority, checkServerIdentity: () => undefined },
            method: "PUT",
            timeout: blobSilence,
          },
          (response) => {
            content.destroy();
            response.resume();
            response.on("end", () => send.destroy()); // It may have it, and not want to hear the rest.
            if (response.statusCode === 200) resolve();
            else reject(new Error(`${manager} answers ${response.statusCode}`));
          },
        );
        send.on("error", reject);
        send.on("timeout", () => send.destroy(new Error(`${manager} has fallen silent`)));
        content.on("error", reject);
        content.pipe(send);
      });
      return digest;
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw problem("unavailable", "blob_not_taken", `No manager takes it: ${faults.join("; ")}.`, {
    fix: "See whether a manager is up and its disk has room: holdfast doctor",
  });
}
