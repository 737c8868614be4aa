/**
 * The same signed request is carried out once: whoever sends it again is given the answer of the first time.
 *
 * A client that retries within a second signs the very same text, and so does somebody who has recorded it; neither
 * may start a second instance, nor stop one that was started since. An answer is remembered for as long as its
 * signature is good, by the manager that gave it, and the oldest are forgotten first when there are too many. What
 * must not happen twice beyond that carries a ClientToken, which all managers know.
 */
import type { Instant } from "@holdfast/kernel/time";

export interface Answered {
  readonly status: number;
  readonly xml: string;
  /** Of a refusal. */
  readonly code?: string;
}

interface Remembered {
  readonly answer: Promise<Answered>;
  readonly until: Instant;
  bytes: number;
}

const mostAnswers = 20_000;
const mostBytes = 32 * 1024 * 1024;

export function replays() {
  const known = new Map<string, Remembered>();
  let bytes = 0;

  return async (
    signature: string,
    [now, until]: readonly [now: Instant, until: Instant],
    act: () => Promise<Answered>,
  ): Promise<Answered> => {
    const before = known.get(signature);
    if (before) return before.answer;
    forget(now);
    const entry: Remembered = { answer: act(), until, bytes: 0 };
    known.set(signature, entry);
    try {
      const answer = await entry.answer;
      // What failed on our side may be tried again as it is.
      if (answer.status >= 500) drop(signature);
      else if (known.get(signature) === entry) {
        entry.bytes = answer.xml.length * 2;
        bytes += entry.bytes;
      }
      return answer;
    } catch (error) {
      drop(signature);
      throw error;
    }
  };

  function forget(now: Instant): void {
    for (const [signature, { until }] of known) {
      if (until > now && known.size < mostAnswers && bytes < mostBytes) return;
      drop(signature);
    }
  }

  function drop(signature: string): void {
    bytes -= known.get(signature)?.bytes ?? 0;
    known.delete(signature);
  }
}
