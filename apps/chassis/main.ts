/**
 * The simulated machine room of `holdfast up --hosts N`: power, cables, watchdogs and BMCs for hosts that are
 * all on this machine. It stands in for hardware, so it knows nothing of instances and asks no manager.
 *
 * With the words `clear idle` or `clear all` it opens no room: it takes away what one has left, and says what.
 *
 * HOLDFAST_STATE  state directory of the installation (default /var/lib/holdfast)
 * HOLDFAST_HOSTS  how many hosts there are
 */
import { createServer } from "node:net";
import { join } from "node:path";
import pino from "pino";
import { clearRoom } from "./clear.ts";
import { doorOf } from "./client.ts";
import { openDoor } from "./door.ts";
import { openRoom } from "./room.ts";

const { env } = process;
const state = env.HOLDFAST_STATE ?? "/var/lib/holdfast";
const log = pino({ base: { process: "chassis" }, serializers: { error: pino.stdSerializers.err } });

// Before anything is opened: a signal that nobody listens for ends a process.
const told = new Promise<NodeJS.Signals>((resolve) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
});

if (!(await isOnlyOne())) {
  log.fatal({ state }, "another room has this state directory");
  process.exit(1);
}
const [, , word, how] = process.argv;
if (word === "clear") {
  console.log(JSON.stringify(await clearRoom(state, how === "all" ? "all" : "idle")));
  process.exit(0);
}
const room = await openRoom({
  state,
  hosts: Number(env.HOLDFAST_HOSTS),
  // All programs are bundled into one folder.
  supervisor: join(import.meta.dirname, "supervisor.js"),
  now: () => Number(process.hrtime.bigint() / 1_000_000n),
  log,
});
const door = await openDoor(doorOf(state), room, log);
log.info({ signal: await told }, "the room closes; its hosts run on");
door.close();
await room.close();
process.exit(0);

/**
 * Two would start every host twice and each undo what the other does. An abstract socket is held for as long
 * as its process lives and leaves nothing behind.
 */
function isOnlyOne(): Promise<boolean> {
  return new Promise((resolve) => {
    const held = createServer();
    held.once("error", () => resolve(false));
    held.listen(`\0holdfast-chassis:${state}`, () => resolve(true));
    held.unref();
  });
}
