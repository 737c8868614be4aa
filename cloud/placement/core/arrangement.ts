/**
 * How the hosts of one view stand: in a row for each zone (`zones.ts`), or pod by pod (`pods.ts`).
 *
 * A host whose numbers change is removed and added again, all that have changed removed first; and after `add` and
 * `remove` call `settle` before anybody searches or compares.
 */
import type { Accept } from "./shelf.ts";

export interface Arrangement {
  /** Call before the first slot of this number or a higher one comes. */
  makeRoomFor(slots: number): void;
  /** All at once, while nobody stands there. */
  fill(slots: readonly number[]): void;
  add(slot: number): void;
  remove(slot: number): void;
  settle(): void;
  /** Every host may give anything: a column has come into use. */
  remeasure(): void;
  /** The first host of this zone that gives at least this in this column and is accepted, or -1. */
  first(zone: number, column: number, least: number, accept?: Accept): number;
  /** Of two that were found in different zones, which the planner prefers. */
  isBefore(a: number, b: number): boolean;
}
