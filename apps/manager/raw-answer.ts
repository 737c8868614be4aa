/**
 * Refusals where there is no request to reply to: what came was no HTTP, or no WebSocket handshake.
 *
 * The connection ends with the answer. Nobody can tell where in the stream the next request would begin.
 */
import type { Duplex } from "node:stream";
import { kinds, type Problem, viewOf } from "@holdfast/kernel/problem";
import { invalidRequest } from "./reading.ts";

export function refuseRaw(socket: Duplex, refusal: Problem): void {
  const { status } = kinds[refusal.kind];
  const body = JSON.stringify(viewOf(refusal));
  const head = [
    `HTTP/1.1 ${status} Refused`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  if (socket.writable) socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
  else socket.destroy();
}

/** What Node could not read as HTTP, by Node's name for it. */
export function unreadable({ code = "" }: { readonly code?: string }): Problem {
  if (code === "HPE_HEADER_OVERFLOW")
    return invalidRequest(
      [{ field: "header", reason: "all headers together are more than 16 KiB" }],
      "Send fewer or shorter headers; a token and a few ids are all that is needed.",
    );
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return invalidRequest(
      [{ field: "request", reason: "did not arrive in time" }],
      "Send it again, without pauses.",
    );
  return invalidRequest(
    [{ field: "request", reason: "is not HTTP/1.1, or ended too early" }],
    "Send it again with an ordinary HTTP client.",
  );
}
