/**
 * The `holdfast` command. This is the only file that reads the environment, the clock and the terminal;
 * all else is in cli.ts, as a function that a test can call.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { uuidV7 } from "@holdfast/kernel/ids";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { builder } from "./building.ts";
import { cli } from "./cli.ts";
import { exits } from "./exits.ts";
import { Interrupted } from "./world.ts";

const clock: Clock = {
  now: () => Date.now() as Instant,
  sleep: async (duration) => {
    await sleep(duration);
  },
};

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(exits.interrupted.code); // Twice means now.
    stop.abort(new Interrupted());
  });

for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exits.ok.code); // Whoever reads us has seen enough: `| head`.
    throw error;
  });

const code = await cli(process.argv.slice(2), {
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock,
  buildImage: builder(join(import.meta.dirname, "setup.js")), // Bundled beside us.
  mintId: () => uuidV7(clock.now(), randomBytes(16)),
  interrupted: stop.signal,
});

// A pipe may still hold what was printed, and a terminal that was read from would keep us alive.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))),
);
process.exit(code);
