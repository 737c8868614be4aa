/**
 * What a row of the tables of rules consists of.
 *
 * A rule is matched against one line, from the word that announces a fault to the end of the line; it is
 * never searched for in the whole log, which a guest can make as long as it likes.
 */
import type { Culprit } from "./frames.ts";
import type { FaultClass } from "./model.ts";

export interface Rule {
  /** What the line says, from the word that announces the fault. Patterns begin with `^`. */
  readonly says: RegExp;
  /** Found on later lines, in this order; without them the rule does not fit. */
  readonly details?: readonly RegExp[];
  /** A class, or how it follows from what was captured. */
  readonly class: FaultClass | ((captured: readonly string[]) => FaultClass);
  /** {1}, {2}: what `says` and then `details` captured; {f}: the function at fault. */
  readonly title: string;
  /** How to find the function; absent when the function is among what was captured, or does not matter. */
  readonly culprit?: Culprit;
  /** What happened, for somebody who has to decide what to do. */
  readonly meaning: string;
}
