/**
 * A way to the database that can be blocked or broken: what is behind it then is a manager that has been
 * stopped, or one that was killed.
 *
 * A manager does nothing in the world but through the database, or after it has asked it. So one whose way
 * there is blocked is as slow as one whose process stands still, and what it had begun arrives afterwards.
 *
 * The gate also knows whether PostgreSQL is at work, because it counts the questions and the answers: time
 * does not go on before it has answered.
 */
import { connect, createServer, type Socket } from "node:net";
import { watchWork } from "./time.ts";

export interface Gate {
  readonly url: string;
  /** Nothing passes in either direction, and nobody is told. */
  block(): void;
  open(): void;
  /** All connections break, and none is accepted any more. */
  sever(): void;
  close(): Promise<void>;
}

/** A connection, and how many answers are still to come. */
interface Passage {
  open: number;
}

export async function openGate(databaseUrl: string): Promise<Gate> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const passages = new Set<Passage>();
  const forget = watchWork(() => !isBlocked && [...passages].some(({ open }) => open > 0));
  let isBlocked = false;
  let isSevered = false;
  const server = createServer((inside) => {
    if (isSevered) return inside.destroy();
    const outside = connect(Number(target.port), target.hostname);
    const passage: Passage = { open: 1 }; // Its login is the first question.
    passages.add(passage);
    inside.on("close", () => passages.delete(passage));
    join(
      inside,
      outside,
      countMessages("QS", true, (count) => {
        passage.open += count;
      }),
    );
    join(
      outside,
      inside,
      countMessages("Z", false, (count) => {
        passage.open -= count;
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const url = new URL(databaseUrl);
  url.port = String(typeof address === "object" ? address?.port : "");
  url.searchParams.delete("host"); // The server has a socket in the file system as well, and this is not it.

  return {
    url: url.href,
    block() {
      isBlocked = true;
      for (const socket of sockets) socket.pause();
    },
    open() {
      isBlocked = false;
      for (const socket of sockets) socket.resume();
    },
    sever() {
      isSevered = true;
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      forget();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function join(from: Socket, to: Socket, count: (bytes: Buffer) => void): void {
    sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (bytes) => {
      count(bytes);
      to.write(bytes);
    });
    from.on("error", () => {});
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
    if (isBlocked) from.pause();
  }
}

/**
 * Counts the messages of these types in one direction. Each is a letter, a length that counts itself, and so
 * much text; only the first of a client has no letter.
 */
function countMessages(types: string, isClient: boolean, onCount: (count: number) => void) {
  let head: number[] = isClient ? [0] : [];
  let left = 0;
  return (bytes: Buffer) => {
    let count = 0;
    for (let at = 0; at < bytes.length; ) {
      if (left > 0) {
        const taken = Math.min(left, bytes.length - at);
        left -= taken;
        at += taken;
        continue;
      }
      head.push(bytes[at++] ?? 0);
      if (head.length < 5) continue;
      const [type = 0, ...length] = head;
      if (types.includes(String.fromCharCode(type))) count++;
      left = Buffer.from(length).readUInt32BE() - 4;
      head = [];
    }
    if (count > 0) onCount(count);
  };
}
