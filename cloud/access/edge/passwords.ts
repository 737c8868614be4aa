/**
 * Passwords: argon2id, off the event loop, and never more of them at once than the machine has memory for.
 *
 * A name that nobody has costs as much as a wrong password, so that nobody can tell one from the other by waiting.
 */
import { problem } from "@holdfast/kernel/problem";
import { hash, verify } from "@node-rs/argon2";

/** What OWASP asks of argon2id at least: 19 MiB, twice over. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** Each takes 19 MiB and a thread. */
const mostAtOnce = 4;
const mostWaiting = 64;
export const shortest = 12;

let atWork = 0;
const waiting: (() => void)[] = [];

/** Rejects with `busy` rather than let a crowd wait for minutes. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (waiting.length >= mostWaiting)
    throw problem("unavailable", "busy", "Too many are signing in at this moment.", {
      fix: "Try again in a few seconds.",
      retryAfterSeconds: 5,
    });
  if (atWork >= mostAtOnce) await new Promise<void>((resolve) => waiting.push(resolve));
  else atWork++;
  try {
    return await work();
  } finally {
    const next = waiting.shift(); // Its place is handed on.
    if (next) next();
    else atWork--;
  }
}

export const hashPassword = (password: string) => inTurn(() => hash(password, cost));

/** Of nobody: whatever is compared with it takes its time, and fails. */
let nobodys: Promise<string> | undefined;

export async function isPassword(
  stored: string | null | undefined,
  given: string,
): Promise<boolean> {
  nobodys ??= hashPassword("of nobody");
  const against = stored ?? (await nobodys);
  const isSame = await inTurn(() => verify(against, given));
  return isSame && stored !== null && stored !== undefined;
}
