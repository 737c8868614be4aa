/**
 * The timers and clocks of this process, in the hands of another time than the machine's: that of a simulated world,
 * or that of the scenarios. When something that is planned happens is for that time to say; how Node's callers wait
 * for it stands here, once.
 */
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers";
import promises from "node:timers/promises";

/** What the process has of its own. */
export const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
  dateNow: Date.now,
  now: performance.now.bind(performance),
};

/** Something that is to happen, once or again and again. Nobody waits for it any more once it is over. */
export interface Planned {
  isOver: boolean;
}

/** Milliseconds throughout. */
export interface Time {
  /** The moment of the calendar at which `now` was 0. */
  readonly beganAt: number;
  now(): number;
  /** To be called in so long, and every `interval` from then on if there is one. */
  plan(act: () => void, delay: number, interval: number | undefined): Planned;
  /** Takes the immediates, too; without it they stay the process's own. */
  soon?(act: () => void): void;
}

/** From now on this process lives in that time. Returns what gives its own back. */
export function handOverTimers(time: Time): () => void {
  const own = {
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    clearTimeout: globalThis.clearTimeout,
    clearInterval: globalThis.clearInterval,
    setImmediate: globalThis.setImmediate,
  };
  const { setTimeout: sleep } = promises;
  const { timeout } = AbortSignal;
  const later =
    (isRepeated: boolean) =>
    (act: (...given: unknown[]) => void, delay?: number, ...given: unknown[]) =>
      new Handle(time, () => act(...given), delay ?? 1, isRepeated);
  const clear = (handle?: Handle) => void handle?.close?.();
  const replace = (by: object) => {
    Object.assign(globalThis, by);
    Object.assign(timers, by);
  };

  replace({
    setTimeout: later(false),
    setInterval: later(true),
    clearTimeout: clear,
    clearInterval: clear,
    ...(time.soon && {
      setImmediate: (act: (...given: unknown[]) => void, ...given: unknown[]) =>
        time.soon?.(() => act(...given)),
    }),
  });
  promises.setTimeout = sleeping(time) as typeof promises.setTimeout; // Nobody here uses its options but for a signal.
  Date.now = () => Math.floor(time.beganAt + time.now());
  performance.now = () => time.now();
  AbortSignal.timeout = (delay) => {
    const controller = new AbortController();
    const end = () => controller.abort(new DOMException("timed out", "TimeoutError"));
    new Handle(time, end, delay, false);
    return controller.signal;
  };
  syncBuiltinESMExports();

  return () => {
    replace(own);
    promises.setTimeout = sleep;
    Date.now = real.dateNow;
    performance.now = real.now;
    AbortSignal.timeout = timeout;
    syncBuiltinESMExports();
  };
}

/** What somebody waits for, as the timers of Node are used. */
class Handle {
  readonly #time: Time;
  readonly #act: () => void;
  readonly #delay: number;
  readonly #interval: number | undefined;
  #planned: Planned;
  constructor(time: Time, act: () => void, delay: number, isRepeated: boolean) {
    this.#time = time;
    this.#act = act;
    this.#delay = Math.max(1, Number.isFinite(delay) ? delay : 1);
    this.#interval = isRepeated ? this.#delay : undefined;
    this.#planned = time.plan(act, this.#delay, this.#interval);
  }
  ref = () => this;
  unref = () => this;
  hasRef = () => true;
  close(): this {
    this.#planned.isOver = true;
    return this;
  }
  refresh(): this {
    if (this.#planned.isOver) return this;
    this.#planned.isOver = true;
    this.#planned = this.#time.plan(this.#act, this.#delay, this.#interval);
    return this;
  }
  [Symbol.dispose](): void {
    this.#planned.isOver = true;
  }
}

const sleeping =
  (time: Time) =>
  <T>(delay = 1, value?: T, { signal }: { signal?: AbortSignal } = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      const done = () => resolve(value as T); // Undefined where T is.
      const planned = time.plan(done, Math.max(1, delay), undefined);
      signal?.addEventListener("abort", () => {
        planned.isOver = true;
        reject(signal.reason);
      });
    });
