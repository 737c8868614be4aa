/**
 * Connections of one manager to PostgreSQL, as they are in a simulated world: what is sent takes its time to get
 * there, and so does the answer. They break, and PostgreSQL may be gone for a while.
 *
 * What a newcomer would get wrong: a manager that dies says nothing. What it had sent may still be carried out, a
 * commit too, and the answer is heard by nobody; what it had open is rolled back when PostgreSQL notices.
 */
import { EventEmitter } from "node:events";
import type { Random } from "@holdfast/kernel/random";
import type { Connections } from "@holdfast/store/database";
import pg from "pg";
import type { Backend, Backends, Statement } from "./backends.ts";
import { type Memo, underWay } from "./memo.ts";
import { moments, type Points } from "./points.ts";
import { after, sleepFor, worldMoment } from "./time.ts";

/** What all managers have in common. */
export interface Server {
  readonly backends: Backends;
  /** False while it is not there to be connected to. */
  isUp: boolean;
  readonly memo: Memo;
  /** The turns that are taken; see store/turns.ts. */
  readonly locks: Set<number>;
  /** What was remembered, or the truth if that is another. */
  doubt(statement: Statement, known: pg.QueryResult): pg.QueryResult | Promise<pg.QueryResult>;
  /** Every connection there is, for whoever breaks them. */
  readonly open: Set<{ break(why: "server" | "network"): void }>;
  /** Where whoever writes may end. */
  readonly points?: Points;
  /** What a transaction that has committed has announced. */
  onNotify(payload: string): void;
  /** After each transaction, or statement on its own, that has written. */
  onCommit(tables: readonly string[]): void;
}

export interface Line {
  readonly connections: Connections;
  /** Nothing passes in either direction, and nobody is told. */
  cut(isCut: boolean): void;
  /** All of its connections end, and it is told. */
  breakAll(): void;
  /** The process ends. `silently`: with its machine, so that PostgreSQL is not told either. */
  die(silently: boolean): void;
  /** What one way takes on average; milliseconds. */
  pace: number;
}

const mostConnections = 8;
const connectPatience = 5_000;
/** As database.ts asks of PostgreSQL. */
const idlePatience = 5_000;

/** `owner`: the process whose line this is. */
export function openLine(server: Server, random: Random, owner = ""): Line {
  const idle: Connection[] = [];
  const all = new Set<Connection>();
  let queue: ((connection: Connection | Promise<Connection>) => void)[] = [];
  let held: (() => void)[] = [];
  let isCut = false;
  let isDead = false;
  const line: Line = {
    pace: 1,
    connections: {
      connect: ((heard: Heard) =>
        void acquire().then(
          (connection) => heard(undefined, connection.client),
          (error) => heard(error as Error, undefined),
        )) as unknown as pg.Pool["connect"], // The one form of it that the platform uses.
      query: (async (statement: Statement) => {
        const connection = await acquire();
        try {
          return await connection.ask(statement);
        } finally {
          connection.release();
        }
      }) as unknown as pg.Pool["query"],
      end: async () => {},
    } as Connections,
    cut(cuts) {
      isCut = cuts;
      if (isCut) return;
      const late = held;
      held = [];
      for (const go of late) go();
    },
    breakAll() {
      for (const connection of [...all]) connection.break("server");
    },
    die(silently) {
      isDead = true;
      for (const connection of [...all]) connection.abandon(silently);
      queue = [];
    },
  };
  return line;

  /** One way between here and PostgreSQL. False if whoever waits for it is no more. */
  async function pass(): Promise<boolean> {
    const isSlow = random.below(40) === 0;
    await sleepFor((line.pace * (20 + random.below(180)) * (isSlow ? 10 : 1)) / 100);
    while (isCut) await new Promise<void>((resolve) => held.push(resolve));
    return !isDead;
  }

  async function acquire(): Promise<Connection> {
    if (isDead) return never;
    const known = idle.pop();
    if (known) return known;
    if (all.size >= mostConnections)
      return new Promise((resolve) => {
        queue.push(resolve);
      });
    const connection = newConnection();
    all.add(connection);
    let isLate = false;
    const forget = after(connectPatience, () => {
      isLate = true;
      connection.break("network");
      connection.refuse(new Error("timeout exceeded when trying to connect"));
    });
    void (async () => {
      if (!(await pass()) || isLate) return;
      const isThere = server.isUp;
      if (!(await pass()) || isLate) return;
      forget();
      if (isThere) connection.accept();
      else {
        connection.break("server");
        connection.refuse(
          Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
        );
      }
    })();
    await connection.isReady;
    return connection;
  }

  function newConnection(): Connection {
    const events = new EventEmitter();
    let backend: Backend | undefined;
    let isOpen = true;
    let begun: Transaction | undefined;
    /** Nothing that was sent gets there any more. */
    let isLost = false;
    /** PostgreSQL hears that its process has ended, behind whatever still comes of it. */
    let isHungUp = false;
    let isRunning = false;
    /** It was made to end at a point: what comes behind that is lost, and PostgreSQL hears of it at once. */
    let isCutOff = false;
    let arrival: Promise<unknown> = Promise.resolve();
    let said: Promise<unknown> = Promise.resolve();
    let stopIdle = () => {};
    const unanswered = new Set<(error: Error) => void>();
    let accept = () => {};
    let refuse: (error: Error) => void = () => {};
    const isReady = new Promise<void>((resolve, reject) => {
      accept = resolve;
      refuse = reject;
    });

    const connection: Connection = {
      ...{ isReady, accept: () => accept(), refuse: (error) => refuse(error) },
      ask: (statement) => {
        if (isDead) return never;
        if (!isOpen) return Promise.reject(new Error("Connection terminated unexpectedly"));
        return new Promise((resolve, reject) => {
          unanswered.add(reject);
          const before = arrival;
          // In the order in which they were sent, whatever each of them takes.
          const isThere = Promise.all([before, pass()]);
          arrival = isThere
            .then(() => pastPoint(statement))
            .then(
              (result) => void answer(() => resolve(result), reject),
              (error: unknown) => void answer(() => reject(error), reject),
            );
        });
      },
      release() {
        if (!isOpen || isDead) return;
        const next = queue.shift();
        if (next) next(connection);
        else idle.push(connection);
      },
      abandon(silently) {
        isOpen = false;
        all.delete(connection);
        server.open.delete(connection);
        // What is on its way may still get there; then PostgreSQL is told, or notices by itself.
        isHungUp = !silently;
        if (!silently) void arrival.then(() => leave());
        after(idlePatience, () => leave());
      },
      break(why) {
        if (!isOpen) return;
        isOpen = false;
        all.delete(connection);
        server.open.delete(connection);
        const at = idle.indexOf(connection);
        if (at >= 0) idle.splice(at, 1);
        leave();
        if (isDead || why === "network") return;
        const error = new Error("Connection terminated unexpectedly");
        lose(error);
      },
      client: Object.assign(events, {
        query: (asked: Statement | string) =>
          connection.ask(typeof asked === "string" ? { text: asked } : asked),
        release(broken?: Error) {
          if (broken) connection.break("network");
          else connection.release();
          if (broken) admitNext();
        },
      }) as unknown as pg.PoolClient,
    };
    server.open.add(connection);
    return connection;

    async function answer(say: () => void, reject: (error: Error) => void): Promise<void> {
      const last = said;
      said = Promise.all([last, pass()]);
      await said;
      if (!isDead && unanswered.delete(reject)) say();
    }

    function lose(error: Error): void {
      for (const reject of unanswered) reject(error);
      unanswered.clear();
      if (events.listenerCount("error") > 0) events.emit("error", error);
      admitNext();
    }

    /** It may be that whoever has sent it ends here. */
    async function pastPoint(statement: Statement): Promise<pg.QueryResult> {
      if (isCutOff) return nothing;
      const { points } = server;
      const does = points && !isDead ? writingBy(statement) : undefined;
      if (!points || does === undefined) return carryOut(statement);
      // Within a transaction what was written is undone with it, so only its commit has an "after" of its own.
      const at = begun && statement.text !== "commit" ? (["before"] as const) : moments;
      const moment = points.reach(owner, does, at);
      isCutOff = moment === "before";
      if (isCutOff) points.end(owner);
      if (isCutOff) return nothing;
      try {
        const result = await carryOut(statement);
        if (result.rowCount === 0 && statement.text !== "commit") points.vain(owner, does);
        return result;
      } finally {
        isCutOff = moment === "after";
        if (isCutOff) points.end(owner);
      }
    }

    /** What it writes, for people; undefined if it only reads. */
    function writingBy({ text }: Statement): string | undefined {
      if (text !== "commit")
        return server.memo.writesOf(text).length > 0 ? writingOf(text) : undefined;
      const written = begun?.isBegun ? [...begun.writes].sort() : [];
      return written.length > 0 ? `commits ${written.join(", ")}` : undefined;
    }

    async function carryOut(statement: Statement): Promise<pg.QueryResult> {
      stopIdle();
      isLost ||= !isOpen && (!isDead || random.below(2) === 0);
      if (isLost && isHungUp) leave();
      if (isLost) return never;
      const { text } = statement;
      if (isBegin(text)) begun = newTransaction(text);
      const mine = begun;
      if (!mine) return alone(statement);
      const isOver = text === "commit" || text === "rollback";
      try {
        return await within(mine, statement);
      } catch (error) {
        mine.hasFailed = true;
        throw error;
      } finally {
        if (isOver) {
          begun = undefined;
          giveBack();
          ended(mine, text === "commit" && !mine.hasFailed);
        } else if (isLost || (!isOpen && !isDead)) void undo();
        else if (isOpen) watchIdle();
      }
    }

    async function alone(statement: Statement): Promise<pg.QueryResult> {
      const { memo } = server;
      const known = await answerWithout(statement);
      if (known) return server.doubt(statement, known);
      const { blocked } = server.backends.counts;
      const result = await really(statement);
      giveBack();
      const writes = memo.writesOf(statement.text);
      // It has waited, and others have seen it under way.
      if (server.backends.counts.blocked !== blocked) memo.changed([underWay]);
      if (writes.length === 0) memo.remember(statement, result);
      else if (result.rowCount !== 0 || /^\s*with\b/.test(statement.text)) {
        memo.changed(writes);
        server.onCommit(writes);
      }
      return result;
    }

    /** What PostgreSQL need not be asked, because it is known what it would say. */
    async function answerWithout(statement: Statement): Promise<pg.QueryResult | undefined> {
      const { memo } = server;
      if (isClock(statement)) return clockNow();
      const known = memo.recall(statement);
      if (known) return known;
      const table = memo.emptied(statement.text);
      if (!table) return undefined;
      let isEmpty = memo.isEmpty(table);
      if (isEmpty === undefined) {
        const { rows } = await server.backends.look<{ is: boolean }>(
          `select not exists (select from public.${table}) as is`,
        );
        isEmpty = rows[0]?.is === true;
        memo.noteEmpty(table, isEmpty);
      }
      return isEmpty ? noRows : undefined;
    }

    /** Nothing is begun in PostgreSQL before something is asked that locks or writes. */
    async function within(mine: Transaction, statement: Statement): Promise<pg.QueryResult> {
      const { memo } = server;
      const { text, values } = statement;
      if (isBegin(text)) return nothing;
      if (text === "commit" || text === "rollback")
        return backend && mine.isBegun ? really(statement) : nothing;
      if (!mine.hasFailed) {
        if (text.startsWith("set transaction") && !mine.isBegun) {
          mine.prefix = text;
          return nothing;
        }
        if (text === tryLock) return rowOf({ got: takeLock(mine, Number(values?.[0])) });
        // Heard by the world's own news; see store/news.ts for what sends it.
        if (text === notify) {
          mine.announced.push(String(values?.[1]));
          return nothing;
        }
        if (isClock(statement)) return clockNow();
        if (mine.prefix) return atOneMoment(mine, statement);
        const known = mine.writes.size === 0 ? await answerWithout(statement) : undefined;
        if (known) return server.doubt(statement, known);
        if (!mine.isBegun && memo.isPlain(text)) return alone(statement);
      }
      const result = await really(statement, beginning(mine));
      const writes = memo.writesOf(text);
      for (const table of writes) mine.writes.add(table);
      if (mine.writes.size === 0) memo.remember(statement, result);
      return result;
    }

    /**
     * All of such a transaction is of the moment of its first reading. What is remembered must be so from then until
     * now; where that is not known, it is told to try again.
     */
    async function atOneMoment(mine: Transaction, statement: Statement): Promise<pg.QueryResult> {
      const { memo } = server;
      const { text } = statement;
      mine.since ??= memo.now();
      const isStill = memo.versionOf(text) <= mine.since;
      const known = isStill ? memo.recall(statement) : undefined;
      if (known) return server.doubt(statement, known);
      if (!isStill && mine.begunAt !== mine.since) throw tooLate();
      const result = await really(statement, beginning(mine));
      if (isStill) memo.remember(statement, result);
      return result;
    }

    /** What begins it in PostgreSQL, if that has not been said. */
    function beginning(mine: Transaction): string | undefined {
      if (mine.isBegun) return undefined;
      mine.isBegun = true;
      mine.begunAt = server.memo.now();
      return mine.prefix ? `${mine.opening}; ${mine.prefix}` : mine.opening;
    }

    function ended(mine: Transaction, isCommitted: boolean): void {
      for (const lock of mine.locks) server.locks.delete(lock);
      if (mine.isBegun) server.memo.changed([underWay]);
      if (!isCommitted) return;
      if (mine.writes.size > 0) {
        server.memo.changed([...mine.writes]);
        server.onCommit([...mine.writes]);
      }
      for (const payload of new Set(mine.announced)) server.onNotify(payload);
    }

    async function really(statement: Statement, begin?: string): Promise<pg.QueryResult> {
      backend ??= await server.backends.acquire(statement);
      isRunning = true;
      try {
        return await server.backends.run(backend, statement, begin);
      } catch (error) {
        if (!begun) giveBack();
        throw error;
      } finally {
        isRunning = false;
      }
    }

    function giveBack(): void {
      const mine = backend;
      backend = undefined;
      if (mine) server.backends.release(mine);
    }

    function takeLock(mine: Transaction, lock: number): boolean {
      if (server.locks.has(lock)) return false;
      server.locks.add(lock);
      mine.locks.push(lock);
      return true;
    }

    /** A transaction in which nothing happens is undone, and its connection closed. */
    function watchIdle(): void {
      stopIdle = after(idlePatience, () => {
        if (!isOpen || !begun) return;
        const error = new pg.DatabaseError(
          "terminating connection due to idle-in-transaction timeout",
          0,
          "error",
        );
        error.code = "25P03";
        connection.break("network");
        void pass().then((isHeard) => isHeard && lose(error));
      });
    }

    /** PostgreSQL knows that nobody is there any more. */
    function leave(): void {
      isLost = true;
      if (!isRunning) void undo(); // It notices when the statement is over.
    }

    async function undo(): Promise<void> {
      stopIdle();
      const undone = begun;
      begun = undefined;
      if (!undone) return;
      if (backend && undone.isBegun) await really({ text: "rollback" });
      giveBack();
      ended(undone, false);
    }
  }

  function admitNext(): void {
    const next = queue.shift();
    if (next) next(acquire());
  }
}

interface Transaction {
  /** The words that begin it. */
  readonly opening: string;
  isBegun: boolean;
  hasFailed: boolean;
  /** What was said of it before anything was asked in it. */
  prefix: string | undefined;
  /** How many changes there were when it was first asked, and when PostgreSQL was. */
  since: number | undefined;
  begunAt: number | undefined;
  readonly writes: Set<string>;
  readonly locks: number[];
  readonly announced: string[];
}

const newTransaction = (opening: string): Transaction => ({
  opening,
  ...{ isBegun: false, hasFailed: false, prefix: undefined, since: undefined, begunAt: undefined },
  ...{ writes: new Set(), locks: [], announced: [] },
});

/** With the settings that hold within it, if there are any. */
const isBegin = (text: string) => text === "begin" || text.startsWith("begin;");
const tryLock = "select pg_try_advisory_xact_lock($1) as got";
const notify = "select pg_notify($1, $2)";
/** PostgreSQL's clock is the world's; see server.ts. */
const isClock = ({ text }: Statement) => text === "select clock_timestamp() as at";
const clockNow = () => rowOf({ at: Math.round(worldMoment()) });

/** What it does to which tables, for people. */
const writingOf = (text: string) =>
  [...text.matchAll(/(?<!for )\b(update|insert\s+into|delete\s+from)\s+(?!set\b)([a-z_]+)/g)]
    .map(([, verb = "", table = ""]) => `${verb.split(/\s/)[0]}s ${table}`)
    .join(", ");

type Heard = (error: Error | undefined, client: pg.PoolClient | undefined) => void;

interface Connection {
  readonly isReady: Promise<void>;
  readonly client: pg.PoolClient;
  accept(): void;
  refuse(error: Error): void;
  ask(statement: Statement): Promise<pg.QueryResult>;
  release(): void;
  abandon(silently: boolean): void;
  break(why: "server" | "network"): void;
}

const never = new Promise<never>(() => {});
// Nobody reads the rest of it.
const nothing = { rows: [], rowCount: 1 } as unknown as pg.QueryResult;
const noRows = { rows: [], rowCount: 0 } as unknown as pg.QueryResult;
function tooLate(): Error {
  const error = new pg.DatabaseError("could not serialize access", 0, "error");
  error.code = "40001";
  return error;
}
const rowOf = (row: object) => ({ rows: [row], rowCount: 1 }) as unknown as pg.QueryResult;
