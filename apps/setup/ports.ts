/** Whether a port is free, asked before anything is started on it: a better answer than a log line later. */
import { createServer } from "node:net";
import { problem } from "@holdfast/kernel/problem";

/** Rejects with `port_in_use`. `option` is what gives another. */
export function mustBeFree(port: number, what: string, option: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", () =>
      reject(
        problem(
          "conflict",
          "port_in_use",
          `Port ${port}, for ${what}, is used by something else.`,
          {
            fix: `End that, or give another port: holdfast up ${option} ${port + 100}`,
          },
        ),
      ),
    );
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve()));
  });
}
