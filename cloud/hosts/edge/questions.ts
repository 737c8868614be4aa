/**
 * What a host is asked over its connection, and its answers: lines of a log, a console that stays open, and to cut guests of
 * another host off from their volumes.
 *
 * Each question has a number, and an answer that nobody waits for any more is dropped.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { seconds } from "@holdfast/kernel/time";
import type { FromAgent, FromManager } from "../core/link.ts";
import { type Connection, send } from "./connection.ts";

export interface Question {
  readonly what: "console-log" | "trace";
  readonly instance: InstanceId;
  readonly generation: number;
  readonly lines: number;
}

export interface Console {
  input(data: Uint8Array): void;
  close(): void;
}

type Answer = Extract<FromAgent, { say: "answer" }>;
type Output = Extract<FromAgent, { say: "output" }>;

/** A question that is not answered by then is given up; the host may be there and its disk may not. */
const patience = seconds(10);

export function questions() {
  let last = 0;
  return { ask, openConsole, answered, output, abandon };

  /** Rejects with `host_unreachable` if the host goes away or takes too long. */
  function ask(
    connection: Connection | undefined,
    messageOf: (ask: number) => FromManager,
  ): Promise<unknown> {
    if (!connection) return Promise.reject(unreachableHost());
    const ask = ++last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        connection.open.delete(ask);
        reject(unreachableHost());
      }, patience);
      const settled =
        <T>(then: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          then(value);
        };
      connection.open.set(ask, { resolve: settled(resolve), reject: settled(reject) });
      send(connection, messageOf(ask));
    });
  }

  function openConsole(
    connection: Connection | undefined,
    of: { readonly instance: InstanceId; readonly generation: number },
    onOutput: (data: Uint8Array, isEnd: boolean) => void,
  ): Console {
    if (!connection) throw unreachableHost();
    const ask = ++last;
    const end = () => onOutput(new Uint8Array(), true);
    connection.open.set(ask, { resolve: () => {}, reject: end, onOutput });
    send(connection, { say: "ask", ask, what: "console", ...of, lines: 1 });
    return {
      input: (data) =>
        send(connection, { say: "input", ask, data: Buffer.from(data).toString("base64") }),
      close() {
        connection.open.delete(ask);
        send(connection, { say: "close", ask });
      },
    };
  }

  function answered({ open }: Connection, { ask, problem: why, value }: Answer): void {
    const asked = open.get(ask);
    open.delete(ask);
    if (why) asked?.reject(problem("conflict", "no_console", why));
    else asked?.resolve(value);
  }

  function output({ open }: Connection, { ask, data, isEnd }: Output): void {
    open.get(ask)?.onOutput?.(Buffer.from(data, "base64"), isEnd);
    if (isEnd) open.delete(ask);
  }

  /** Its connection is closed. */
  function abandon({ open }: Connection): void {
    for (const { reject } of open.values()) reject(unreachableHost());
    open.clear();
  }
}

const unreachableHost = () =>
  problem(
    "unavailable",
    "host_unreachable",
    "The host of this instance does not answer this manager.",
    {
      fix: "See whether it is up: holdfast hosts",
      retryAfterSeconds: 2,
    },
  );
