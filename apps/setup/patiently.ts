/** Waiting for what somebody else is bringing about. */
import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "@holdfast/kernel/problem";

/** Asks until it is so; what fails in between is asked again. A Problem that says `conflict` is final. */
export async function patiently(seconds: number, isSo: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + seconds * 1_000;
  let fault: unknown;
  for (;;) {
    const answer = await isSo().catch((error: unknown) => {
      if (error instanceof Problem && error.kind === "conflict") throw error;
      fault = error;
      return false;
    });
    if (answer) return;
    if (performance.now() > until) throw new Error(`not so within ${seconds} s`, { cause: fault });
    await sleep(25);
  }
}
