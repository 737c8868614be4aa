/**
 * What the journal of an instance adds up to. If it is not what the row says, one of them lies.
 *
 * Only rows that tell of a change count; evidence and protection change neither state nor wish.
 */
import type { JournalEntry } from "@holdfast/store/journal";

export interface Folded {
  readonly state: string;
  readonly desired: string;
  readonly generation: number;
  /** Rows that do not begin where the one before ended, or that go back a generation. */
  readonly gaps: readonly string[];
}

const wishes: Readonly<Record<string, string>> = {
  "command-start": "running",
  "command-stop": "stopped",
  "command-destroy": "destroyed",
  "command-recover": "stopped",
  "command-expunge": "expunged",
  "want-stopped": "stopped",
  "want-running": "running",
};

const born: Folded = { state: "provisioning", desired: "running", generation: 0, gaps: [] };

export function foldJournal(entries: readonly JournalEntry[]): Folded {
  return entries.reduce((sum, { seq, event, from, to, generation = 0 }) => {
    if (!from || !to) return sum;
    const isGap = from !== sum.state || generation < sum.generation;
    return {
      state: to,
      desired: wishes[event] ?? sum.desired,
      generation,
      gaps: isGap ? [...sum.gaps, `${seq} ${event}: ${from} after ${sum.state}`] : sum.gaps,
    };
  }, born);
}
