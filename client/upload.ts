/**
 * Sending the bytes of an image to the manager.
 *
 * Not `fetch`: a manager that refuses half-way (no space, wrong checksum) answers and hangs up while we
 * still write, and its answer must win over the broken pipe. Node's own request gives us both ends.
 */
import { request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import type { Readable } from "node:stream";
import { ImageView } from "@holdfast/cloud/images/api";
import { addressOf } from "./address.ts";
import { type Answer, replyOf, unreachable } from "./answer.ts";
import { type Connection, headersOf, whyNot } from "./client.ts";

export interface Upload {
  readonly project: string;
  /** The image's id or name; it was registered before, without a URL. */
  readonly image: string;
  readonly content: Readable;
  readonly bytes: number;
  /** How much has left this machine. Bytes. */
  readonly onProgress?: (sent: number) => void;
}

const path = "/v1/projects/:project/images/:image/content";
/** How long the answer may take once everything is sent: the manager hashes and looks at the image. */
const answerMilliseconds = 10 * 60_000;

/** Sends an image's content. Throws a Problem as every call does; the content is consumed either way. */
export async function uploadImage(connection: Connection, upload: Upload): Promise<ImageView> {
  try {
    return replyOf(ImageView, await put(connection, upload));
  } finally {
    upload.content.destroy();
  }
}

function put(connection: Connection, { project, image, content, bytes, onProgress }: Upload) {
  const address = addressOf(connection.url, path, { params: { project, image } });
  const request = address.protocol === "https:" ? requestSecure : requestPlain;
  return new Promise<Answer>((resolve, reject) => {
    const outgoing = request(address, {
      method: "PUT",
      ...(connection.authority === undefined ? {} : { ca: connection.authority }),
      headers: headersOf(
        connection,
        {},
        {
          "content-type": "application/octet-stream",
          "content-length": String(bytes),
        },
      ),
      signal: connection.signal,
    });
    let sent = 0;
    outgoing.on("response", (incoming) => {
      let text = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (piece: string) => {
        text += piece;
      });
      incoming.on("end", () => {
        resolve({ status: incoming.statusCode ?? 0, text, url: connection.url });
        outgoing.destroy();
      });
      incoming.on("error", fail);
    });
    outgoing.on("error", fail);
    outgoing.setTimeout(answerMilliseconds, () => outgoing.destroy(new Error("no answer")));
    content.on("error", (error) => {
      reject(error);
      outgoing.destroy();
    });
    content.on("data", (piece: Buffer) => {
      sent += piece.length;
      onProgress?.(sent);
    });
    content.on("end", () => {
      if (sent !== bytes) outgoing.destroy(new Error("the content has changed while it was read"));
    });
    content.pipe(outgoing);

    function fail(error: Error) {
      if (connection.signal?.aborted) return reject(connection.signal.reason);
      // An answer that is already on its way in explains a broken pipe; give it a turn to arrive.
      setTimeout(() => reject(unreachable(connection.url, whyNot(error), error)), 100);
    }
  });
}
