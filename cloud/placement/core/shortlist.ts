/**
 * The nearest few proposals of each kind of fix.
 *
 * Ask `wants` before making a proposal: of a hundred thousand hosts that lack the same tag thirty are enough, and
 * the others should not even cost a text.
 */
import type { HostId } from "@holdfast/kernel/ids";
import type { FixKind } from "./model.ts";

/** More of one kind would bury the other kinds. */
export const mostOfAKind = 3;
/** Of proposals with the same amount the one that admits most comes first, so some more are tried. */
const mostTried = 10 * mostOfAKind;

export interface Proposal {
  readonly change: string;
  /** How much must change, comparable within a kind. */
  readonly amount: number;
  readonly admits: () => readonly HostId[];
}

export class Shortlist {
  readonly #proposals = new Map<FixKind, Proposal[]>();

  /** Whether one with this amount would be kept. Of equal ones, those that came first are. */
  wants(kind: FixKind, amount: number): boolean {
    const kept = this.#proposals.get(kind) ?? [];
    const last = kept.at(-1);
    return kept.length < mostTried || (last !== undefined && amount < last.amount);
  }

  add(kind: FixKind, proposal: Proposal): void {
    const kept = this.#proposals.get(kind) ?? [];
    this.#proposals.set(kind, kept);
    let place = kept.length;
    while (place > 0 && (kept[place - 1]?.amount ?? 0) > proposal.amount) place -= 1;
    kept.splice(place, 0, proposal);
    if (kept.length > mostTried) kept.pop();
  }

  /** The smallest amount first. */
  of(kind: FixKind): readonly Proposal[] {
    return this.#proposals.get(kind) ?? [];
  }
}
