/**
 * The serial console of an instance, as a WebSocket with binary frames both ways.
 *
 * Binary frames are the guest's; a frame of text is the manager's own word: the problem that it closes
 * with, because a close frame has room for 123 bytes and a problem has not. Where that is missing, the
 * close code alone (4000 and the HTTP status) must be enough to say what is wrong. Output is handed on one frame at a time and the socket is held back
 * meanwhile, so a guest that floods its console fills nobody's memory.
 */
import { parsed } from "@holdfast/kernel/parsed";
import { type Kind, type Problem, problem } from "@holdfast/kernel/problem";
import { ProblemShape } from "@holdfast/kernel/shapes";
import WebSocket from "ws";
import { addressOf } from "./address.ts";
import { problemFrom, replyOf, unreachable } from "./answer.ts";
import { type Connection, headersOf, whyNot } from "./client.ts";

export interface ConsoleOf {
  readonly project: string;
  readonly instance: string;
  /** Called with what the guest wrote. The next frame waits for the promise, if there is one. */
  readonly onOutput: (bytes: Uint8Array) => Promise<void> | void;
}

export interface Console {
  /** To the guest's keyboard. Resolves when it has left this machine; rejects with `manager_unreachable`. */
  send(bytes: Uint8Array): Promise<void>;
  /** Resolves when the console has ended in good order; rejects with a Problem otherwise. */
  readonly ended: Promise<void>;
  close(): void;
}

const path = "/v1/projects/:project/instances/:instance/console";
/** A dead peer is noticed after two of these. Proxies cut connections that are silent for a minute. */
const heartbeatMilliseconds = 20_000;

/** Opens the console. Rejects with a Problem when it cannot be opened. */
export function openConsole(connection: Connection, of: ConsoleOf): Promise<Console> {
  const { project, instance, onOutput } = of;
  const address = addressOf(connection.url, path, { params: { project, instance } });
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address, {
    headers: headersOf(connection),
    ...(connection.authority === undefined ? {} : { ca: connection.authority }),
    handshakeTimeout: (connection.timeoutSeconds ?? 30) * 1_000,
  });
  // Frames that came in one piece are all emitted, paused or not: hence a queue, and not only a pause.
  let shown: Promise<void> = Promise.resolve();
  let waiting = 0;
  let told = "";
  socket.on("message", (data: Buffer, isBinary) => {
    if (!isBinary) {
      told = data.toString("utf8");
      return;
    }
    waiting++;
    socket.pause();
    shown = shown.then(() => onOutput(data));
    shown.then(
      () => --waiting === 0 && socket.resume(),
      () => socket.terminate(),
    );
  });
  const ended = endOf(socket, connection.url, () => told).finally(() => shown);
  ended.catch(() => {}); // Whoever opened it hears of it through `ended`, if they care.

  const send = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) =>
      socket.send(bytes, { binary: true }, (error) =>
        error
          ? reject(unreachable(connection.url, "The console's connection is closed.", error))
          : resolve(),
      ),
    );
  const opened = new Promise<Console>((resolve) =>
    socket.once("open", () => resolve({ send, ended, close: () => socket.close(1000) })),
  );
  // A console that ends before it has opened has failed, whatever the reason.
  return Promise.race([opened, ended.then(() => opened)]);
}

function endOf(socket: WebSocket, url: string, told: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const stopHeartbeat = heartbeat(socket);
    let failure: unknown;
    socket.on("error", (error) => {
      failure ??= unreachable(url, whyNot(error), error);
    });
    socket.on("unexpected-response", (_, response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
      });
      response.on("end", () => {
        failure = refusalIn({ status: response.statusCode ?? 0, text, url });
        socket.terminate();
      });
    });
    socket.on("close", (code, reason) => {
      stopHeartbeat();
      if (failure) reject(failure);
      else if (code === 1000) resolve();
      else reject(endingOf(code, told() || reason.toString("utf8"), url));
    });
  });
}

/** The manager refused before it was a WebSocket at all. */
function refusalIn(answer: { status: number; text: string; url: string }): unknown {
  try {
    return replyOf(ProblemShape, { ...answer, status: Math.max(answer.status, 400) });
  } catch (error) {
    return error;
  }
}

/** For close codes that come without a problem. */
const meanings: Readonly<
  Record<number, readonly [Kind, code: string, message: string, fix: string]>
> = {
  401: [
    "unauthenticated",
    "unauthenticated",
    "The token is not accepted.",
    "On the manager's machine, holdfast up writes one for you.",
  ],
  403: ["forbidden", "forbidden", "The token may not open this console.", "Ask an operator."],
  404: ["not_found", "instance_not_found", "There is no such instance.", "See them: holdfast list"],
  409: [
    "conflict",
    "no_console",
    "It has no console now: it does not run.",
    "See its state with `holdfast show`, and what it wrote with `holdfast log`.",
  ],
  503: [
    "unavailable",
    "host_unreachable",
    "Its host cannot be reached now.",
    "Try again shortly; `holdfast hosts` shows which hosts are connected.",
  ],
};

/** What a close code, and what came with it, say as a Problem. */
export function endingOf(code: number, told: string, url: string): Problem {
  const status = code - 4_000;
  const read = ProblemShape.safeParse(parsed(told));
  if (read.success) return problemFrom(read.data, { status });
  const meaning = meanings[status];
  if (!meaning) return unreachable(url, `The console's connection was cut (${code}).`);
  const [kind, fallback, message, fix] = meaning;
  return problem(kind, /^[a-z][a-z0-9_]{2,60}$/.test(told) ? told : fallback, message, { fix });
}

function heartbeat(socket: WebSocket): () => void {
  let isAlive = true;
  socket.on("pong", () => {
    isAlive = true;
  });
  const timer = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN || socket.isPaused) return;
    if (!isAlive) return socket.terminate();
    isAlive = false;
    socket.ping();
  }, heartbeatMilliseconds);
  return () => clearInterval(timer);
}
