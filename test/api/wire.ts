/**
 * Requests byte for byte. `fetch` would mend what the tests want to break: it tidies paths, refuses odd
 * headers and never sends half a request.
 */
import { Agent, request } from "node:http";
import { connect } from "node:net";

export interface Ask {
  readonly method: string;
  /** As it stands in the first line. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

export interface Wire {
  ask(ask: Ask): Promise<Reply>;
  close(): void;
}

export function openWire(port: number): Wire {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  return {
    ask({ method, path, headers = {}, body }) {
      return new Promise((resolve, reject) => {
        const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
        const options = {
          port,
          host: "127.0.0.1",
          method,
          path,
          agent,
          headers: { ...length, ...headers },
        };
        const asking = request(options as object, (response) => {
          // Its type wants mutable arrays.
          const pieces: Buffer[] = [];
          response.on("data", (piece: Buffer) => pieces.push(piece));
          response.on("error", reject);
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text: Buffer.concat(pieces).toString("utf8"),
            }),
          );
        });
        asking.on("error", reject);
        asking.end(body);
      });
    },
    close: () => agent.destroy(),
  };
}

/** Sends these bytes, says that no more will come, and takes whatever comes back until the other end closes. */
export function sendBytes(port: number, bytes: Buffer | string): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (piece) => {
      text += piece;
    });
    socket.on("error", () => {}); // A reset is an end like any other; `close` follows.
    socket.on("close", () => resolve(text === "" ? undefined : replyOf(text)));
    socket.on("end", () => socket.end());
    socket.end(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  });
}

/** The last answer on a connection. */
function replyOf(text: string): Reply {
  const last = text.slice(Math.max(0, text.lastIndexOf("HTTP/1.1 ")));
  const [head = "", ...rest] = last.split("\r\n\r\n");
  const [first = "", ...lines] = head.split("\r\n");
  return {
    status: Number(first.split(" ")[1]),
    headers: Object.fromEntries(lines.map((line) => line.toLowerCase().split(": ", 2))),
    text: rest.join("\r\n\r\n"),
  };
}
