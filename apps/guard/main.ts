/**
 * The guard: a small process of its own that holds the lease clock of this host.
 *
 * It is apart from the agent so that nothing an agent does, not even hanging, can stop the clock. It is
 * told of renewals over a local socket and counts from when they were sent, on the machine's steady clock,
 * so that the host always gives up before any manager does. It kills nothing yet.
 *
 * HOLDFAST_STATE  state directory (default /var/lib/holdfast)
 */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pino from "pino";
import { z } from "zod";
import { leaseClock } from "./lease-clock.ts";

const directory = join(process.env.HOLDFAST_STATE ?? "/var/lib/holdfast", "guard");
const path = join(directory, "guard.sock");
const log = pino({ base: { process: "guard" }, serializers: { error: pino.stdSerializers.err } });
const Renewal = z.object({ renewedAt: z.number(), lease: z.number().positive() });

const clock = leaseClock((isValid) => {
  log.info({ isValid }, isValid ? "the lease is held" : "the lease has run out");
  writeFileSync(join(directory, "lease.json"), JSON.stringify({ isValid, at: Date.now() }));
});
const tick = setInterval(() => clock.look(steadyNow()), 100);

mkdirSync(directory, { recursive: true, mode: 0o700 });
rmSync(path, { force: true }); // Of a guard that was killed.
const server = createServer((socket) => {
  socket.on("error", () => {});
  createInterface({ input: socket }).on("line", (line) => {
    const parsed = Renewal.safeParse(parse(line));
    if (parsed.success) clock.renewed(parsed.data.renewedAt, parsed.data.lease, steadyNow());
    else log.warn({ line: line.slice(0, 200) }, "not a renewal");
  });
});
server.listen(path, () => {
  chmodSync(path, 0o600);
  log.info("the guard is up");
});

for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => {
    clearInterval(tick);
    server.close();
    process.exit(0);
  });

/** The same clock as the agent's: steady, and shared by the processes of one machine. */
function steadyNow(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
