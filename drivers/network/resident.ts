/**
 * A program that stays, and carries out what is written to it: one order at a time, each answered before the next is written.
 *
 * One that is not as it was thought to be is given up: it has ended, or does not answer and is killed. Who waits is told
 * when it is gone and not before, because until then it may still do what it was told; how much it has done nobody knows.
 * The next order has another one. It ends when its input does, so it outlives nobody.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { Duration } from "@holdfast/kernel/time";

/** How a program is spoken to. */
export interface Dialect {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** An order as it is written, with what makes the program say that it is at the end. */
  say(order: string): string;
  /** Where it answers, and complains. */
  readonly on: readonly ("stdout" | "stderr")[];
  /** From what it has said there since the order was written: undefined while it is not at the end. */
  hear(said: string): Answer | undefined;
  /** How long an order may take. Absent: as long as it likes. */
  readonly patience?: Duration;
  /** In orders: after so many it is replaced, because it keeps memory of each. Absent: it stays. */
  readonly wornAfter?: number;
}

/** Undefined where all went well. */
export interface Answer {
  readonly complaints: string | undefined;
}

export interface Resident {
  /** Orders are carried out in turn. Rejects with what the program said; `name` is of the order, for people. */
  order(text: string, name: string): Promise<void>;
  /** So that the next order does not wait until it is there. */
  begin(): void;
  /** Ends it when what it was told is done. An order that comes after that begins another one. */
  close(): void;
}

export function resident(dialect: Dialect): Resident {
  let child: ChildProcessWithoutNullStreams | undefined;
  let last: Promise<unknown> = Promise.resolve();
  /** Of `child`. */
  let carriedOut = 0;
  const self: Resident = {
    order(text, name) {
      const mine = last.then(() => carryOut(text, name));
      last = mine.catch(() => {}); // Whoever asked is told.
      return mine;
    },
    begin() {
      try {
        child ??= start();
      } catch {} // The next order tries again, and whoever gives it is told.
    },
    close() {
      const open = child;
      child = undefined;
      void last.then(() => open?.stdin.end());
    },
  };
  return self;

  function carryOut(text: string, name: string): Promise<void> {
    child ??= start();
    const mine = child;
    setAlive(mine, true);
    return new Promise<void>((resolve, reject) => {
      let said = "";
      const heard = (more: string) => {
        said += more;
        const answer = dialect.hear(said);
        if (!answer) return;
        const words = answer.complaints?.trim().slice(0, 2_000);
        over(answer.complaints === undefined ? undefined : new Error(`${name} failed: ${words}`));
      };
      const ended = () => over(new Error(`the program for ${name} has ended: ${said.trim()}`));
      const late = dialect.patience && setTimeout(() => mine.kill("SIGKILL"), dialect.patience);
      const over = (error: Error | undefined) => {
        clearTimeout(late);
        for (const each of dialect.on) mine[each].off("data", heard);
        mine.off("close", ended);
        setAlive(mine, false);
        if (error) reject(error);
        else resolve();
        wear(mine);
      };
      for (const each of dialect.on) mine[each].on("data", heard);
      mine.once("close", ended);
      mine.stdin.write(dialect.say(text));
    });
  }

  function wear(used: ChildProcessWithoutNullStreams): void {
    carriedOut++;
    if (used !== child || carriedOut < (dialect.wornAfter ?? Number.POSITIVE_INFINITY)) return;
    used.stdin.end();
    child = undefined;
    self.begin();
  }

  function start(): ChildProcessWithoutNullStreams {
    const [program = "", ...args] = dialect.argv;
    const fresh = spawn(program, args, { env: dialect.env, stdio: "pipe", cwd: "/" });
    fresh.on("error", () => {}); // It closes, and whoever waits is told.
    if (!fresh.stdout) throw new Error(`${program} was not started: no file is left for it`);
    carriedOut = 0;
    for (const stream of [fresh.stdout, fresh.stderr]) stream.setEncoding("utf8").resume();
    fresh.stdin.on("error", () => {}); // As well: it has ended.
    fresh.once("close", () => {
      if (child === fresh) child = undefined;
    });
    setAlive(fresh, false);
    return fresh;
  }
}

/** Nobody's process lives on only because this one does. */
function setAlive(child: ChildProcessWithoutNullStreams, isAlive: boolean): void {
  const pipes = [child.stdin, child.stdout, child.stderr] as unknown as readonly Referred[]; // Sockets, which Node does not say.
  for (const each of [child, ...pipes]) isAlive ? each.ref() : each.unref();
}

interface Referred {
  ref(): void;
  unref(): void;
}
