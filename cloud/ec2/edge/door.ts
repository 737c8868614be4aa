/**
 * The door of the EC2 API: HTTP in, XML out, and nothing of a request believed before its signature is.
 *
 * It has a server of its own, with limits of its own: whoever is slow, too many or too big is refused here in EC2's
 * words, and the native API does not notice.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { codeOf } from "@holdfast/kernel/code-of";
import type { ProjectId } from "@holdfast/kernel/ids";
import { Problem } from "@holdfast/kernel/problem";
import type { Caller } from "@holdfast/kernel/route";
import { after, type Instant } from "@holdfast/kernel/time";
import { actions, isAction } from "../core/actions.ts";
import { Refusal, refusalOf, refuse } from "../core/errors.ts";
import type { Fields } from "../core/parse.ts";
import { mostSkew } from "../core/sign.ts";
import { answerXml, callerXml, errorXml, stsErrorXml } from "../core/xml.ts";
import { accountOf, type Ec2Deps } from "./call.ts";
import { replays } from "./replays.ts";
import { type Verified, verify } from "./signatures.ts";
import type { Signers } from "./signers.ts";
import { actionOf, answer } from "./table.ts";
import { readFields } from "./wire.ts";

export interface DoorDeps extends Ec2Deps {
  readonly signers: Signers;
  readonly log: {
    info(about: object, says: string): void;
    warn(about: object, says: string): void;
    error(about: object, says: string): void;
  };
  readonly limits?: Partial<Limits>;
  /** For the record of who asked for what; a request that changes something is answered when it is written. */
  readonly onAnswered: (answer: Answer) => Promise<void>;
}

interface Answered {
  readonly status: number;
  readonly xml: string | Buffer;
  /** Of a refusal. */
  readonly code?: string;
}

/** What became of a request. */
export interface Answer {
  readonly at: Instant;
  readonly requestId: string;
  readonly method: string;
  /** `none`: it could not be read. */
  readonly action: string;
  readonly isChange: boolean;
  readonly status: number;
  readonly code: string | undefined;
  /** Undefined: nobody knows whose it was. */
  readonly caller: Caller | undefined;
  readonly project: ProjectId | undefined;
  readonly source: string;
  readonly milliseconds: number;
}

export interface Limits {
  readonly connections: number;
  /** Requests that are read or carried out at the same time. */
  readonly requests: number;
  readonly bodyBytes: number;
  /** Of all bodies that are being read. */
  readonly allBytes: number;
  readonly headersMs: number;
  readonly requestMs: number;
  /** Of all answers that their clients have not taken so far. */
  readonly answerBytes: number;
  /** For taking an answer. */
  readonly answerMs: number;
}

const usual: Limits = {
  connections: 2_000,
  requests: 512,
  bodyBytes: 512 * 1024,
  allBytes: 64 * 1024 * 1024,
  headersMs: 10_000,
  requestMs: 30_000,
  answerBytes: 128 * 1024 * 1024,
  answerMs: 30_000,
};

const newest = "2016-11-15";
const stsVersion = "2011-06-15";

export function ec2Door(deps: DoorDeps): Server {
  const limits = { ...usual, ...deps.limits };
  const checkReplay = replays();
  let inside = 0;
  let connections = 0;
  let held = 0;
  let untaken = 0;

  const server = createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: 10_000,
      connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
      maxHeaderSize: 32 * 1024, // A signed URL holds everything.
    },
    (request, response) => void serve(request, response),
  );
  server.on("connection", (socket: Socket) => {
    socket.on("close", () => connections--);
    if (++connections > limits.connections) refuseRaw(socket, tooBusy("connections"));
  });
  server.on("clientError", (error: Error & { code?: string }, socket) =>
    refuseRaw(socket as Socket, unreadable(error)),
  );
  server.on("checkExpectation", (request, response) => void serve(request, response));
  return server;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = deps.mintId();
    const begun = performance.now();
    const { socket } = request; // Which a request that was given up has no more.
    const source = socket.remoteAddress ?? "unknown";
    let action: string | undefined;
    let isSts = false;
    let caller: Caller | undefined;
    let project: ProjectId | undefined;
    inside++;
    const answered = await work()
      .then(withRoom)
      .catch((error: unknown) => refused(error, requestId, isSts ? stsErrorXml : errorXml));
    inside--;
    const { status, code } = answered;
    const milliseconds = Math.round((performance.now() - begun) * 10) / 10;
    deps.log.info({ requestId, action, status, code, milliseconds }, "EC2 request");
    await deps.onAnswered({
      ...{ at: deps.clock.now(), requestId, method: request.method ?? "GET", source },
      ...{ action: nameOf(action), isChange: isChange(action), status, code, milliseconds },
      ...{ caller, project },
    });
    if (socket.destroyed) return;
    untilTaken(socket, response, Buffer.byteLength(answered.xml));
    send(response, answered, requestId, !request.complete);

    /** What has been done is told whatever it takes, or it would be asked for again. */
    function withRoom(done: Answered): Answered {
      if (!isChange(action) && untaken + Buffer.byteLength(done.xml) > limits.answerBytes)
        throw tooBusy("bytes of answers");
      return done;
    }

    async function work(): Promise<Answered> {
      if (inside > limits.requests) throw tooBusy("requests");
      const body = await bodyOf(request);
      const { signed, fields } = ofSomebody(() => readFields(request, body));
      const one = (name: string) => fields.find(([given]) => given === name)?.[1];
      action = one("Action")?.slice(0, 100);
      isSts = one("Version") === stsVersion;
      const now = deps.clock.now();
      const verified = await verify(signed, fields, body, deps.signers, now).catch(nobodys);
      caller = verified.signer.caller;
      if (isSts) return identity(verified);
      return carryOut(verified, fields, one("Version") || newest);
    }

    /** Whoever keeps guessing is told to slow down. Nobody who has a key is kept out for it. */
    function nobodys(error: unknown): never {
      if (error instanceof Refusal) deps.gate.admitNobody(source);
      throw error;
    }

    function ofSomebody<T>(read: () => T): T {
      try {
        return read();
      } catch (error) {
        return nobodys(error);
      }
    }

    async function identity({ signer: { caller } }: Verified): Promise<Answered> {
      if (action !== "GetCallerIdentity")
        throw refuse("InvalidAction", "Of STS there is GetCallerIdentity, and nothing else.");
      project = await deps.gate.enter(caller, "project:read");
      const account = accountOf(project);
      const arn = `arn:aws:iam::${account}:user/${encodeURIComponent(caller.name)}`;
      return { status: 200, xml: callerXml({ account, arn, user: caller.name }, requestId) };
    }

    async function carryOut(
      { signer: { caller }, signature, at, goodFor, region, service }: Verified,
      fields: Fields,
      version: string,
    ): Promise<Answered> {
      if (service !== undefined && service !== "ec2")
        throw refuse("IncompleteSignature", "The signature is for another service than ec2.");
      if (!/^20\d\d-\d\d-\d\d$/.test(version) || version > newest)
        throw refuse("NoSuchVersion", `The newest version of this API is ${newest}.`);
      const known = actionOf(action);
      project = await deps.gate.enter(caller, actions[known].needs);
      const host = request.headers.host ?? "";
      const asked = { action: known, caller, project, fields, region, host, requestId };
      if (actions[known].changes) {
        if (goodFor !== undefined && goodFor > 3 * mostSkew)
          throw refuse(
            "InvalidParameterValue",
            "A signed URL that changes something is good for at most 900 seconds.",
          );
        checkReplay(signature, deps.clock.now(), after(at, goodFor ?? mostSkew));
      }
      const output = await answer(deps, asked);
      return { status: 200, xml: bytesOf(answerXml(known, output, { version, requestId })) };
    }
  }

  /** Counts an answer until its client has it, is gone, or has had time enough: then its connection ends. */
  function untilTaken(socket: Socket, response: ServerResponse, bytes: number): void {
    untaken += bytes;
    const timer = setTimeout(() => socket.destroy(), limits.answerMs);
    response.once("close", () => {
      clearTimeout(timer);
      untaken -= bytes;
    });
  }

  async function bodyOf(request: IncomingMessage): Promise<Buffer> {
    const told = Number(request.headers["content-length"] ?? 0);
    if (told > limits.bodyBytes) throw tooBig(limits.bodyBytes);
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        held += chunk.length;
        if (bytes > limits.bodyBytes) throw tooBig(limits.bodyBytes);
        if (held > limits.allBytes) throw tooBusy("bytes");
        chunks.push(chunk);
      }
    } finally {
      held -= bytes;
    }
    return Buffer.concat(chunks);
  }

  function refused(error: unknown, requestId: string, write: typeof errorXml): Answered {
    const { code, message, status } = asRefusal(error, requestId);
    return { status, xml: write(code, message, requestId), code };
  }

  function asRefusal(error: unknown, requestId: string): Refusal {
    if (error instanceof Refusal) return error;
    if (error instanceof Problem) {
      if (error.kind === "bug") deps.log.error({ requestId, error }, "bug");
      return refusalOf(error);
    }
    if (codeOf(error) === "ECONNRESET")
      return new Refusal("RequestTimeout", "The request ended too early.");
    deps.log.error({ requestId, error }, "bug");
    return new Refusal(
      "InternalError",
      `Something went wrong that should not have. The manager's log has the rest: grep ${requestId}`,
      500,
    );
  }
}

/** A piece at a time, so that few are strings at once, into one buffer that grows. */
function bytesOf(pieces: Iterable<string>): Buffer {
  let buffer = Buffer.allocUnsafe(16_384);
  let end = 0;
  let waiting = "";
  for (const piece of pieces) {
    waiting += piece;
    if (waiting.length >= 4_096) write();
  }
  write();
  const used = buffer.subarray(0, end);
  return end < buffer.length / 2 ? Buffer.from(used) : used; // It may be kept until it is taken.

  function write(): void {
    const most = end + 3 * waiting.length; // In UTF-8.
    if (most > buffer.length) {
      const larger = Buffer.allocUnsafe(2 * most);
      buffer.copy(larger, 0, 0, end);
      buffer = larger;
    }
    end += buffer.write(waiting, end);
    waiting = "";
  }
}

function send(
  response: ServerResponse,
  { status, xml }: Answered,
  requestId: string,
  isUnread: boolean,
): void {
  response.writeHead(status, {
    "content-type": "text/xml;charset=UTF-8",
    "content-length": Buffer.byteLength(xml),
    "x-amzn-requestid": requestId,
    ...(status === 503 ? { "retry-after": "1" } : {}),
    // Nobody reads the rest of what was refused before it had arrived.
    ...(isUnread ? { connection: "close" } : {}),
  });
  response.end(xml);
}

/** Where there is no request to answer. */
function refuseRaw(socket: Socket, { code, message, status }: Refusal): void {
  const xml = errorXml(code, message, "none");
  const head = `HTTP/1.1 ${status} Refused\r\ncontent-type: text/xml;charset=UTF-8\r\ncontent-length: ${Buffer.byteLength(xml)}\r\nconnection: close\r\n\r\n`;
  if (socket.writable) socket.end(head + xml, () => socket.destroy());
  else socket.destroy();
}

function unreadable({ code = "" }: { readonly code?: string }): Refusal {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return refuse("RequestTimeout", "The request did not arrive in time.", 408);
  if (code === "HPE_HEADER_OVERFLOW")
    return refuse(
      "RequestHeaderSectionTooLarge",
      "All headers together are more than 32 KiB.",
      431,
    );
  return refuse("MalformedHTTPRequest", "The request is not HTTP/1.1, or ended too early.");
}

/** An action is the client's word, and only one that there is stands in a record. */
const nameOf = (action: string | undefined) =>
  action !== undefined && (isAction(action) || action === "GetCallerIdentity") ? action : "none";
const isChange = (action: string | undefined) =>
  action !== undefined && isAction(action) && actions[action].changes;

const tooBig = (most: number) =>
  refuse("RequestEntityTooLarge", `A request has at most ${most} bytes.`, 413);
const tooBusy = (of: string) =>
  refuse("RequestLimitExceeded", `Too many ${of} at the same time. Try again.`, 503);
