/**
 * The real PostgreSQL behind a simulated world: one statement at a time, while the world stands still.
 *
 * A statement that waits for another transaction's lock is put aside: its backend is stopped (SIGSTOP), the world
 * goes on, and whenever locks may have been let go those that got theirs are carried on one after the other, in the
 * order in which they came to wait. So who waits for whom is PostgreSQL's word, and who runs first is the world's.
 * A circle is found here, in the graph that PostgreSQL keeps; its own search depends on real time.
 *
 * What a newcomer would get wrong: backends belong to nobody. A transaction has one while it lasts; any other
 * statement takes the first that is free. A few are enough for any number of managers, and stay warm.
 */
import { readFileSync } from "node:fs";
import { connectionOptions } from "@holdfast/store/database";
import pg from "pg";
import { hold } from "./time.ts";
import { real } from "./timers.ts";

export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values?: unknown[];
}

export interface Backend {
  readonly pid: number;
  readonly client: pg.Client;
  /** How many there were before it. */
  readonly age: number;
  /** The statements that it has prepared. */
  readonly knows: Set<string>;
}

/** A statement that is under way. */
interface Waiter {
  readonly backend: Backend;
  readonly asked: Promise<Settled>;
  readonly answer: () => void;
}

export interface Backends {
  acquire(statement: Statement): Promise<Backend>;
  /** Back, with no transaction open. */
  release(backend: Backend): void;
  /**
   * Resolves with PostgreSQL's answer. It may take as long as the world lets others hold locks. `begin`: what to say
   * right before it, in the same breath.
   */
  run(backend: Backend, statement: Statement, begin?: string): Promise<pg.QueryResult>;
  /** For whoever looks from outside of the world. */
  look<Row extends object>(text: string, values?: readonly unknown[]): Promise<pg.QueryResult<Row>>;
  /** What its processes have used; milliseconds. */
  processorTime(): number;
  readonly counts: { statements: number; blocked: number; deadlocks: number };
  close(): Promise<void>;
}

/** Before this long nobody asks why there is no answer; real milliseconds. */
const patience = 3;

/** `onBefore` is called before each statement, while the world stands still. */
export async function openBackends(
  url: string,
  role: string,
  onBefore: (statement?: Statement) => void,
): Promise<Backends> {
  const options = { ...connectionOptions({ url, role }) };
  // Real time means nothing here; who stands still in a transaction is found by the world's clock.
  options.options += " -c idle_in_transaction_session_timeout=0 -c deadlock_timeout=1h";
  // Planning is most of what a statement costs here, and a plan that depends on values differs from run to run.
  const generic = " -c plan_cache_mode=force_generic_plan";
  options.options += generic;
  const observed = connectionOptions({ url });
  const observer = await connect({ ...observed, options: observed.options + generic });
  const names = new Map<string, string>();
  const idle: Backend[] = [];
  const all = new Set<Backend>();
  const waiting: Waiter[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const counts = { statements: 0, blocked: 0, deadlocks: 0 };
  // One that is stopped holds up whoever makes or drops a database on the same server, and the server's own end.
  process.once("exit", goOn);

  return {
    acquire: (statement) => hold(() => acquire(statement)),
    // Whoever was there first has most statements prepared.
    release(backend) {
      idle.push(backend);
      idle.sort((one, other) => one.age - other.age);
    },
    run,
    look: (text, values) =>
      inTurn(async () => {
        onBefore();
        const name = names.get(text) ?? `look${names.size}`;
        names.set(text, name);
        return observer.query({ name, text, values: [...(values ?? [])] });
      }),
    counts,
    processorTime: () => [...all].reduce((sum, { pid }) => sum + processorTimeOf(pid), 0),
    async close() {
      goOn();
      process.off("exit", goOn);
      const pids = [...all].map(({ pid }) => pid);
      await observer.query("select pg_terminate_backend(pid) from unnest($1::int[]) pid", [pids]);
      for (const { client } of all) await client.end().catch(() => {});
      await observer.end();
    },
  };

  /** Where several come at once, as when all connections break, they are one behind the other all the same. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    return hold(() => {
      const mine = last.then(work);
      last = mine.then(noMatter, noMatter);
      return mine;
    });
  }

  function goOn(): void {
    for (const { backend } of waiting) process.kill(backend.pid, "SIGCONT");
  }

  async function acquire({ text }: Statement): Promise<Backend> {
    const at = idle.findIndex(({ knows }) => knows.has(text));
    const [found] = idle.splice(Math.max(0, at), 1);
    if (found) return found;
    const client = await connect(options);
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    const backend = { client, pid: rows[0]?.pid ?? 0, age: all.size, knows: new Set<string>() };
    all.add(backend);
    return backend;
  }

  async function run(
    backend: Backend,
    statement: Statement,
    begin?: string,
  ): Promise<pg.QueryResult> {
    let answer = () => {};
    const isAnswered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const asked = inTurn(async () => {
      onBefore(statement);
      counts.statements++;
      backend.knows.add(statement.text);
      if (begin) backend.client.query(begin).catch(() => {}); // What comes right behind it fails as well.
      const mine = { backend, asked: settle(backend.client.query(statement)), answer };
      await attend(mine);
      while (waiting.length > 0 && (await carryOneOn())); // Each may take what the next waits for.
      return mine;
    });
    await isAnswered;
    return resultOf(await (await asked).asked);
  }

  /** Until it is answered, or is seen to wait for a lock: then it is among those that wait, and stopped. */
  async function attend(waiter: Waiter): Promise<void> {
    const { backend, asked, answer } = waiter;
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<"late">((resolve) => {
        timer = real.setTimeout(() => resolve("late"), patience);
      });
      const first = await Promise.race([asked, late]);
      real.clearTimeout(timer);
      if (first !== "late") return answer();
      if (!(await isBlocked(backend))) continue;
      counts.blocked++;
      if (await closesCircle(backend)) {
        counts.deadlocks++;
        await observer.query("select pg_cancel_backend($1)", [backend.pid]);
        await asked;
        return answer();
      }
      process.kill(backend.pid, "SIGSTOP");
      waiting.push(waiter);
      return;
    }
  }

  async function carryOneOn(): Promise<boolean> {
    const next = await firstFree();
    if (!next) return false;
    waiting.splice(waiting.indexOf(next), 1);
    process.kill(next.backend.pid, "SIGCONT");
    await attend(next);
    return true;
  }

  async function firstFree(): Promise<Waiter | undefined> {
    for (const waiter of waiting) if (!(await isBlocked(waiter.backend))) return waiter;
    return undefined;
  }

  async function isBlocked({ pid }: Backend): Promise<boolean> {
    const { rows } = await observer.query<{ is: boolean }>({
      name: "blocked",
      text: "select cardinality(pg_blocking_pids($1)) > 0 as is",
      values: [pid],
    });
    return rows[0]?.is === true;
  }

  async function closesCircle(backend: Backend): Promise<boolean> {
    const seen = new Set<number>();
    const open = [backend.pid];
    for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
      const { rows } = await observer.query<{ by: number[] }>({
        name: "blockers",
        text: "select pg_blocking_pids($1) as by",
        values: [pid],
      });
      for (const by of rows[0]?.by ?? []) {
        if (by === backend.pid) return true;
        if (!seen.has(by)) open.push(by);
        seen.add(by);
      }
    }
    return false;
  }
}

type Settled = { readonly result: pg.QueryResult } | { readonly error: unknown };

const settle = (asked: Promise<pg.QueryResult>): Promise<Settled> =>
  asked.then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  );

function resultOf(settled: Settled): pg.QueryResult {
  if ("result" in settled) return settled.result;
  throw told(settled.error);
}

/** Only a circle makes us cancel anything, and then this is what PostgreSQL would have said itself. */
function told(error: unknown): unknown {
  if (!(error instanceof pg.DatabaseError) || error.code !== "57014") return error;
  const deadlock = new pg.DatabaseError("deadlock detected", 0, "error");
  deadlock.code = "40P01";
  return deadlock;
}

/** The kernel counts in hundredths of a second. */
function processorTimeOf(pid: number): number {
  const [, rest = ""] = /\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, "latin1")) ?? [];
  const fields = rest.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const noMatter = () => {};

async function connect(config: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client({ ...config, pipeline: true });
  client.on("error", () => {}); // Whoever asks it next is told.
  await client.connect();
  return client;
}
