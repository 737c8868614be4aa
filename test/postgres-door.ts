/**
 * A door before a PostgreSQL, for whoever should end at a certain statement: it reads what a client sends, and does not let
 * that one pass, or lets it pass and keeps its answer.
 *
 * What a newcomer would get wrong: several statements are on their way at once, so "answered" is counted in the syncs
 * of a connection, each of which PostgreSQL answers with one word that it is ready.
 */
import { createServer, connect as dial, type Socket } from "node:net";

export type Moment = "before" | "after";

export interface PostgresDoor {
  readonly url: string;
  /** Once a statement that is like this comes by: `strike` is called, and its connection ends. */
  arm(like: RegExp, moment: Moment, strike: () => void): void;
  /** It has come by. */
  hasStruck(): boolean;
  close(): void;
}

interface Trap {
  readonly like: RegExp;
  readonly moment: Moment;
  readonly strike: () => void;
}

export async function openPostgresDoor(url: string): Promise<PostgresDoor> {
  const inside = new URL(url);
  let trap: Trap | undefined;
  let hasStruck = false;
  const open = new Set<Socket>();
  const server = createServer((client) => through(client));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const outside = new URL(url);
  outside.host = `127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  outside.searchParams.delete("host");
  return {
    url: outside.href,
    arm(like, moment, strike) {
      hasStruck = false;
      trap = { like, moment, strike };
    },
    hasStruck: () => hasStruck,
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };

  function through(client: Socket): void {
    const backend = dialled(inside);
    const statements = new Map<string, string>();
    let asked = 0;
    let answered = 0;
    /** When so many syncs are answered, it is over. */
    let last = Number.POSITIVE_INFINITY;
    const end = () => {
      client.destroy();
      backend.destroy();
      open.delete(client);
    };
    const strike = () => {
      const struck = trap;
      trap = undefined;
      hasStruck = true;
      struck?.strike();
      end();
    };
    open.add(client);
    for (const socket of [client, backend]) {
      socket.on("error", end);
      socket.on("close", end);
    }
    const up = messages(true, (type, body, whole) => {
      const text = textOf(type, body, statements);
      const isMeant = text !== undefined && trap?.like.test(text) === true;
      if (isMeant && trap?.moment === "before") return strike();
      if (type === "Q" || type === "S") asked++;
      if (isMeant) last = type === "Q" ? asked : asked + 1; // The sync of that one is still to come.
      backend.write(whole);
    });
    const down = messages(false, (type, _, whole) => {
      if (type === "Z" && ++answered > last) return strike(); // The first one is for the greeting.
      client.write(whole);
    });
    client.on("data", up);
    backend.on("data", down);
  }
}

/** Its socket, where it has one. */
function dialled(url: URL): Socket {
  const directory = url.searchParams.get("host");
  const port = url.port || url.searchParams.get("port") || "5432";
  return directory?.startsWith("/")
    ? dial(`${directory}/.s.PGSQL.${port}`)
    : dial(Number(port), url.hostname);
}

/** What is asked with this message, if anything is. */
function textOf(type: string, body: Buffer, statements: Map<string, string>): string | undefined {
  if (type === "Q") return words(body)[0];
  const [first = "", second = ""] = words(body);
  if (type === "P") statements.set(first, second);
  return type === "B" ? statements.get(second) : undefined;
}

/** The first two that end with a zero. */
function words(body: Buffer): readonly string[] {
  const end = body.indexOf(0);
  const next = body.indexOf(0, end + 1);
  return [body.toString("utf8", 0, end), body.toString("utf8", end + 1, Math.max(end + 1, next))];
}

/** Cuts a stream into messages. The first one of a client has no type. */
function messages(isClient: boolean, on: (type: string, body: Buffer, whole: Buffer) => void) {
  let isFirst = isClient;
  let rest = Buffer.alloc(0);
  return (data: Buffer) => {
    rest = Buffer.concat([rest, data]);
    for (;;) {
      const head = isFirst ? 0 : 1;
      if (rest.length < head + 4) return;
      const length = head + rest.readUInt32BE(head);
      if (rest.length < length) return;
      const whole = rest.subarray(0, length);
      rest = rest.subarray(length);
      const type = isFirst ? "" : String.fromCharCode(whole[0] ?? 0);
      isFirst = false;
      on(type, whole.subarray(head + 4), whole);
    }
  };
}
