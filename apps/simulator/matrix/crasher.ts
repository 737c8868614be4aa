/**
 * Who counts the points that an operation passes, and ends a process at the one that was chosen.
 *
 * The same seed passes the same points in the same order, until something ends. So a run without an end says what there
 * is to choose from.
 */
import { type Moment, moments, type Points } from "../points.ts";

export interface Point {
  /** Among all that were passed while it was armed. */
  readonly number: number;
  readonly process: string;
  readonly does: string;
  readonly moment: Moment;
}

export interface Crasher extends Points {
  /** Points count from now on, until `disarm`. */
  arm(): void;
  disarm(): void;
  readonly passed: readonly Point[];
  /** It has ended what it was to end. */
  hasStruck(): boolean;
}

/** What managers write all the time, and what is no part of anything. */
const beating = new Set([
  ...["updates host_lease", "inserts lease", "inserts invariant_look"],
  ...["inserts host_checkup", "commits host_checkup", "inserts pool_room"],
]);

/** `kill`: how a process ends. Without a target nothing ever does. */
export function newCrasher(kill: (process: string) => void, target?: Point): Crasher {
  const passed: Point[] = [];
  let isArmed = false;
  let number = 0;
  let hasStruck = false;
  return {
    passed,
    hasStruck: () => hasStruck,
    arm() {
      isArmed = true;
    },
    disarm() {
      isArmed = false;
    },
    vain(process, does) {
      const last = passed.findLastIndex(
        (point) => point.process === process && point.does === does,
      );
      const { number: vain } = passed[last] ?? {};
      for (let index = passed.length - 1; index >= 0 && vain !== undefined; index--)
        if (passed[index]?.number === vain) passed.splice(index, 1);
    },
    reach(process, does, at = moments) {
      if (!isArmed || hasStruck || beating.has(does)) return undefined;
      const mine = number++;
      if (!target) for (const moment of at) passed.push({ number: mine, process, does, moment });
      if (target?.number !== mine) return undefined;
      hasStruck = true;
      // Another way was gone before this point: then the seed is not what it was, and nobody may believe the rest.
      if (target.process !== process || target.does !== does)
        throw new Error(`${process} ${does} instead of ${target.process} ${target.does}`);
      return target.moment;
    },
    end: kill,
  };
}
