/**
 * Makes one Node process believe in another hour, through Node's own debugger.
 *
 * CLOCK_REALTIME has no namespace, and `date -s` moves the clock of everything on the machine. So the
 * process is asked to listen for a debugger (SIGUSR1), and told to add an hour wherever it asks for the wall
 * clock. All of its code gets the wrong time, libraries included; the kernel's own timers do not, as with a real jump.
 * The process puts itself right again after its time, also if whoever did this is gone by then.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { ProcessId } from "@holdfast/drivers/hypervisor/process";
import { problem } from "@holdfast/kernel/problem";

const run = promisify(execFile);

/** Both in milliseconds. Rejects with `drill_failed`. Resolves when the clock has jumped, with when that was. */
export async function jumpClock({ pid }: ProcessId, by: number, lasting: number): Promise<number> {
  // In the network namespace of the process, because that is where its debugger listens; in a session of its own,
  // because a Ctrl-C must not end it before it has closed the debugger again.
  const words = [
    "--wait",
    "nsenter",
    "--target",
    `${pid}`,
    "--net",
    process.execPath,
    "--experimental-websocket",
  ];
  const script = ["--no-warnings", "--input-type=module", "--eval", visit];
  try {
    process.kill(pid, "SIGUSR1");
    const { stdout } = await run("setsid", [...words, ...script, `${pid}`, jump(by, lasting)]);
    return Number(stdout);
  } catch (error) {
    throw problem(
      "unavailable",
      "drill_failed",
      "The clock could not be set: the process did not open its debugger.",
      { fix: "See that nothing else listens on port 9229 of 127.0.0.1, and try again." },
      error,
    );
  }
}

/** What is told to the process. A proxy, so that dates made before and after are of one class. */
const jump = (by: number, lasting: number) => `(() => {
  const real = globalThis.Date;
  const now = () => real.now() + ${by};
  globalThis.Date = new Proxy(real, {
    construct: (target, given) => given.length > 0 ? new target(...given) : new target(now()),
    apply: () => new real(now()).toString(),
    get: (target, name) => name === "now" ? now : Reflect.get(target, name),
  });
  setTimeout(() => { globalThis.Date = real; }, ${lasting});
  setTimeout(() => process.getBuiltinModule("inspector").close(), 100);
  return real.now();
})()`;

/** Run by another Node inside of the namespace: finds the debugger, says one thing, prints the answer. */
const visit = `
const [pid, expression] = process.argv.slice(1);
const ask = async () => (await fetch("http://127.0.0.1:9229/json/list")).json();
let found;
for (let tries = 0; !found && tries < 100; tries++) {
  found = await ask().catch(() => undefined);
  if (!found) await new Promise((resolve) => setTimeout(resolve, 50));
}
const socket = new WebSocket(found[0].webSocketDebuggerUrl);
await new Promise((resolve) => socket.addEventListener("open", resolve));
const evaluate = (text) => new Promise((resolve) => {
  socket.addEventListener("message", ({ data }) => resolve(JSON.parse(data).result.result.value), { once: true });
  socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression: text, returnByValue: true } }));
});
if (await evaluate("process.pid") !== Number(pid)) throw new Error("somebody else's debugger");
console.log(await evaluate(expression));
process.exit(0);
`;
