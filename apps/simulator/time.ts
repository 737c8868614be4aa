/**
 * The time of a simulated world: a heap of what is due, and one turn after the other.
 *
 * Every timer of this process waits in it. A turn is one thing that happens; what comes of it at once (promises,
 * immediates, a statement that PostgreSQL carries out) comes to an end before the next turn begins. So nothing here
 * depends on how fast anything is.
 *
 * What a newcomer would get wrong: whatever really takes time must be held with `hold`, or the world goes on
 * without it. There is one world per process at a time.
 */
import { handOverTimers, type Planned, real } from "./timers.ts";

/** 2026-01-01: any day will do, as long as it is the same one each time. */
const beganAt = 1_767_225_600_000;

interface Due extends Planned {
  readonly order: number;
  readonly act: () => void;
  readonly interval: number | undefined;
  at: number;
}

let now = 0;
let orders = 0;
let turns = 0;
let holds = 0;
let heap: Due[] = [];
let immediates: (() => void)[] = [];
let wakeHolder: (() => void) | undefined;
let giveBack: (() => void) | undefined;

/** Milliseconds since the world began. */
export const worldTime = () => now;
/** The same as a moment of the calendar. */
export const worldMoment = () => beganAt + now;
/** How many things have happened. */
export const turnsTaken = () => turns;

/** From now on this process lives in the world's time. Once is enough. */
export function takeOverTime(): void {
  giveBack ??= handOverTimers({
    beganAt,
    now: worldTime,
    plan,
    soon: (act) => void immediates.push(act),
  });
}

/** The process has its own time again. */
export function giveBackTime(): void {
  giveBack?.();
  giveBack = undefined;
}

/** A new world: the clock at its beginning, and nothing due. Of an old one that still runs nothing is left. */
export function beginTime(): void {
  now = 0;
  orders = 0;
  turns = 0;
  heap = [];
  immediates = [];
}

/** Calls `act` in so many milliseconds. Returns what forgets it. */
export function after(delay: number, act: () => void): () => void {
  const due = plan(act, delay);
  return () => {
    due.isOver = true;
  };
}

export const sleepFor = (delay: number) =>
  new Promise<void>((resolve) => void after(delay, resolve));

/** The world stands still while this is done. */
export async function hold<T>(work: () => Promise<T>): Promise<T> {
  holds++;
  try {
    return await work();
  } finally {
    holds--;
    if (holds === 0) wakeHolder?.();
  }
}

/**
 * Lets the world go on until `isOver`, which is asked after every turn. `onThrow` is told what a turn throws, which
 * would have ended a real process. Rejects if nothing is due any more.
 */
export async function live(
  isOver: () => boolean,
  onTurn: () => Promise<void> | void = () => {},
  onThrow: (error: unknown) => void = (error) => {
    throw error;
  },
): Promise<void> {
  await settled();
  while (!isOver()) {
    const next = pop();
    if (!next) throw new Error("nothing is due any more, and the end has not come");
    now = Math.max(now, next.at);
    turns++;
    if (next.interval === undefined) next.isOver = true;
    else push(Object.assign(next, { at: now + next.interval }));
    try {
      next.act();
    } catch (error) {
      onThrow(error);
    }
    await settled();
    await onTurn();
  }
}

/**
 * Resolves when everything that follows from what has happened has happened too. What really takes time comes first:
 * what else is to follow would come before its end, or after it, as the machine likes.
 */
async function settled(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => real.setImmediate(resolve));
    if (holds > 0) {
      await new Promise<void>((resolve) => {
        wakeHolder = resolve;
      });
      continue;
    }
    const next = immediates.shift();
    if (!next) return;
    next();
  }
}

function plan(act: () => void, delay: number, interval?: number): Due {
  const due = { act, interval, at: now + Math.max(0, delay), order: orders++, isOver: false };
  push(due);
  return due;
}

const isBefore = (one: Due, other: Due) =>
  one.at < other.at || (one.at === other.at && one.order < other.order);

function push(due: Due): void {
  let at = heap.length;
  heap.push(due);
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up] as Due; // Within the heap.
    if (!isBefore(due, parent)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = due;
}

/** The next that is still wanted. */
function pop(): Due | undefined {
  for (;;) {
    const top = heap[0];
    const last = heap.pop();
    if (!top || !last) return undefined;
    if (top !== last) sink(last);
    if (!top.isOver) return top;
  }
}

function sink(due: Due): void {
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    const left = heap[child];
    if (!left) break;
    const right = heap[child + 1];
    if (right && isBefore(right, left)) child++;
    const least = heap[child] as Due; // One of the two.
    if (!isBefore(least, due)) break;
    heap[at] = least;
    at = child;
  }
  heap[at] = due;
}
