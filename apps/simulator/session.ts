/**
 * What PostgreSQL does for one connection in a simulated world: its transaction, if one is open, and what it is really asked.
 *
 * Most of what managers ask is known, and nothing is begun in PostgreSQL before something is asked that locks or writes. So a
 * session has a backend only while it has to, and a few of them are enough for all.
 */
import type pg from "pg";
import type { Backend, Backends, Statement } from "./backends.ts";
import { type Memo, underWay } from "./memo.ts";
import {
  clockNow,
  isBegin,
  isClock,
  isEnd,
  noRows,
  nothing,
  notify,
  rowOf,
  tooLate,
  tryLock,
} from "./statements.ts";

/** What all sessions have in common. */
export interface Shared {
  readonly backends: Backends;
  readonly memo: Memo;
  /** The turns that are taken; see store/turns.ts. */
  readonly locks: Set<number>;
  /** What was remembered, or the truth if that is another. */
  doubt(statement: Statement, known: pg.QueryResult): pg.QueryResult | Promise<pg.QueryResult>;
  /** What a transaction that has committed has announced. */
  onNotify(payload: string): void;
  /** After each transaction, or statement on its own, that has written. */
  onCommit(tables: readonly string[]): void;
}

export interface Session {
  /** Whether it is in a transaction. */
  isBegun(): boolean;
  /** The tables that its transaction has written to. */
  writes(): readonly string[];
  /** Whether PostgreSQL is at work for it. */
  isRunning(): boolean;
  /** One statement, the next one when it has answered. Rejects as PostgreSQL does. */
  carryOut(statement: Statement): Promise<pg.QueryResult>;
  /** Rolls back what is open. */
  undo(): Promise<void>;
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

export function openSession(server: Shared): Session {
  let backend: Backend | undefined;
  let begun: Transaction | undefined;
  let isRunning = false;
  return {
    isBegun: () => begun !== undefined,
    writes: () => (begun?.isBegun ? [...begun.writes].sort() : []),
    isRunning: () => isRunning,
    carryOut,
    async undo() {
      const undone = begun;
      begun = undefined;
      if (!undone) return;
      if (backend && undone.isBegun) await really({ text: "rollback" });
      giveBack();
      ended(undone, false);
    },
  };

  async function carryOut(statement: Statement): Promise<pg.QueryResult> {
    const { text } = statement;
    if (isBegin(text)) begun = newTransaction(text);
    const mine = begun;
    if (!mine) return alone(statement);
    try {
      return await within(mine, statement);
    } catch (error) {
      mine.hasFailed = true;
      throw error;
    } finally {
      if (isEnd(text)) {
        begun = undefined;
        giveBack();
        ended(mine, text === "commit" && !mine.hasFailed);
      }
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
    if (isEnd(text)) return backend && mine.isBegun ? really(statement) : nothing;
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
}
