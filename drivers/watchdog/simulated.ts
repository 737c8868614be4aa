/**
 * The twin of a watchdog: a Unix stream socket that takes `arm MILLISECONDS`, `pet` and `disarm`, a line
 * each, and answers every line with `armed MILLISECONDS` or `idle`.
 *
 * It runs in another process than the guard, so a guard that is frozen or killed is no different
 * from one that stopped petting. Closing the connection changes nothing.
 */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

export interface WatchdogTwin {
  isArmed(): boolean;
  /** How often it has been petted, and how often it has fired. */
  pets(): number;
  fired(): number;
  /** Disarms it as well: the machine it guards is gone. */
  close(): Promise<void>;
}

/** For a twin that must go on where one that was killed has stopped. */
export interface WatchdogMemory {
  /** What it was armed with, and in how many milliseconds it fires if nobody pets it. */
  readonly known: { readonly timeout: number; readonly firesIn: number } | undefined;
  /** Armed or petted: it fires so many milliseconds from now. Undefined: disarmed. */
  readonly onChange: (timeout: number | undefined) => void;
}

/** `onFire` should do what a reset does: end everything that runs on that host. After it, it is idle. */
export async function watchdogTwin(
  path: string,
  onFire: () => void,
  memory?: WatchdogMemory,
): Promise<WatchdogTwin> {
  let timer: NodeJS.Timeout | undefined;
  let timeout: number | undefined;
  let pets = 0;
  let fired = 0;
  const sockets = new Set<Socket>();
  rmSync(path, { force: true }); // Of a machine room that was killed.
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    const lines = createInterface({ input: socket });
    lines.on("error", () => {}); // It repeats the errors of its socket.
    lines.on("line", (line) => {
      hear(line);
      socket.write(timeout === undefined ? "idle\n" : `armed ${timeout}\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  if (memory?.known) set(memory.known.timeout, memory.known.firesIn);

  return {
    isArmed: () => timeout !== undefined,
    pets: () => pets,
    fired: () => fired,
    async close() {
      set(undefined);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function hear(line: string): void {
    const [word, time] = line.trim().split(" ");
    if (word === "arm" && Number(time) > 0) set(Number(time));
    else if (word === "pet" && timeout !== undefined) {
      pets += 1;
      set(timeout);
    } else if (word === "disarm") set(undefined);
    else return;
    memory?.onChange(timeout);
  }

  function set(next: number | undefined, firesIn = next): void {
    clearTimeout(timer);
    timeout = next;
    if (next !== undefined) timer = setTimeout(fire, firesIn);
  }

  function fire(): void {
    timeout = undefined;
    fired += 1;
    onFire();
  }
}
