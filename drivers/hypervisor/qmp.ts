/**
 * One QMP conversation with one QEMU: a command out, its answer back, events in between.
 *
 * QEMU serves one client at a time and replays nothing, so the driver is the only client and stays
 * connected. A QEMU that is frozen accepts the connection and then says nothing: every command has a
 * deadline, and missing it does not end the conversation.
 */
import { connect } from "node:net";
import type { Duration, Instant } from "@holdfast/kernel/time";

export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
  /** When, by QEMU's own clock, which is the host's. */
  readonly at?: Instant;
}

/** QEMU has heard and says no, in its own words. Anything else that goes wrong is silence. */
export class QmpRefusal extends Error {
  override readonly name = "QmpRefusal";
}

/** Asks one QEMU something. Rejects with a QmpRefusal if it says no. */
export type Ask = (command: string, args?: QmpArguments) => Promise<unknown>;

export type QmpArguments = Readonly<Record<string, unknown>>;

export interface QmpListener {
  event(event: QmpEvent): void;
  /** The conversation is over. Called once, also if it never began. */
  closed(): void;
}

export interface Qmp {
  /** Rejects with QEMU's refusal, at the deadline, or when the conversation ends. */
  execute(command: string, within: Duration, args?: QmpArguments): Promise<unknown>;
  close(): void;
}

/** More than any answer to what we ask; a line beyond it means that QEMU is not itself any more. */
const longestLine = 1 << 20;

type Pending = { resolve(value: unknown): void; reject(error: Error): void };

/** Resolves once the socket is open; what is executed then waits for QEMU to get round to it. */
export function connectQmp(path: string, listener: QmpListener): Promise<Qmp> {
  const socket = connect(path).setEncoding("utf8");
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let unread = "";

  socket.on("data", (text: string) => {
    unread += text;
    for (let end = unread.indexOf("\n"); end >= 0; end = unread.indexOf("\n")) {
      const line = unread.slice(0, end);
      unread = unread.slice(end + 1);
      read(line);
    }
    if (unread.length > longestLine) socket.destroy();
  });

  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.once("connect", () => {
      socket.once("close", () => {
        for (const { reject } of pending.values()) reject(new Error("QEMU closed the connection"));
        pending.clear();
        listener.closed();
      });
      // Without waiting for the greeting: QEMU reads it when its main loop begins.
      socket.write('{"execute":"qmp_capabilities"}\n');
      resolve({ execute, close: () => socket.destroy() });
    });
  });

  function execute(command: string, within: Duration, args?: QmpArguments): Promise<unknown> {
    if (socket.destroyed) return Promise.reject(new Error("not connected to QEMU"));
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        pending.delete(id);
        reject(new Error(`QEMU did not answer ${command} within ${within} ms`));
      }, within);
      const settle = <T>(then: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(late);
          pending.delete(id);
          then(value);
        };
      };
      pending.set(id, { resolve: settle(resolve), reject: settle(reject) });
      socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  function read(line: string): void {
    const message = parse(line);
    if (!message) socket.destroy();
    else if (typeof message.event === "string") {
      listener.event({
        event: message.event,
        ...(isRecord(message.data) ? { data: message.data } : {}),
        ...momentOf(message.timestamp),
      });
    } else if (typeof message.id === "number") {
      const { error } = message;
      if (isRecord(error)) pending.get(message.id)?.reject(new QmpRefusal(String(error.desc)));
      else pending.get(message.id)?.resolve(message.return);
    }
  }
}

function momentOf(stamp: unknown): { readonly at?: Instant } {
  if (!isRecord(stamp) || typeof stamp.seconds !== "number" || stamp.seconds < 0) return {};
  const at = stamp.seconds * 1_000 + Math.floor(Number(stamp.microseconds) / 1_000);
  return { at: at as Instant }; // QEMU's clock is a clock.
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const message: unknown = JSON.parse(line);
    return isRecord(message) ? message : undefined;
  } catch {
    return undefined;
  }
}
