/**
 * The connection to PostgreSQL: a pool, transactions that try again, and times as numbers.
 *
 * What a newcomer would get wrong: a function given to `transaction` may run more than once. It must
 * do nothing outside of the database; what should happen after the commit comes after the call.
 *
 * Statements of one transaction that do not need each other's answers may be sent together
 * (`Promise.all`): they travel one behind the other, are carried out in the order of the calls, and
 * after one that fails none has any effect.
 */
import type { Socket } from "node:net";
import { Problem, problem } from "@holdfast/kernel/problem";
import pg from "pg";
import { inPackets } from "./packets.ts";

/** Anything that answers SQL: the pool, or one transaction. */
export interface Sql {
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<readonly Row[]>;
}

/** One transaction, as whoever works in it has it. */
export interface Transaction extends Sql {
  /**
   * The answers to these decide nothing any more, so the commit does not wait for them: it leaves in one packet with them. One
   * that fails in the database fails the transaction, as ever. Only for one statement that has been asked already: what would be
   * asked when it is answered comes behind the commit. It is refused and `transaction` rejects with a bug, and yet
   * all that was asked before is there to stay.
   */
  last(asked: Promise<unknown>): void;
}

export interface Database extends Sql {
  /**
   * Runs `work` in one transaction, again if PostgreSQL broke it off: to resolve a deadlock, or because we stood still.
   * `locally`: settings of PostgreSQL that hold within it, such as `enable_seqscan = off`. Constants, never input.
   */
  transaction<T>(work: (sql: Transaction) => Promise<T>, locally?: readonly string[]): Promise<T>;
  /**
   * For what is found at once and by key, outside of any transaction: what is asked in one breath is one packet. Planned as
   * with `byKey`. Rejects with `database_unavailable` also where one is not answered within two seconds: those behind it wait too.
   */
  readonly lookUps: Sql;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** The role to work as; must have been granted to the login. Undefined: the login's own. */
  readonly role?: string;
  readonly connections?: number;
  readonly onError?: (error: Error) => void;
}

/**
 * Rows here are found by key, and those in use are in memory. PostgreSQL thinks of a disk with an arm, and
 * would rather read a table of 5,000 instances from end to end than look a hundred of them up.
 */
const planning = ["-c random_page_cost=1.1"];

/**
 * A manager that stands still in the middle of a transaction holds rows that others need: no host whose guests
 * it has in hand could be called dead. After this its transaction is undone; a healthy one is idle for milliseconds.
 */
const stalling = ["-c idle_in_transaction_session_timeout=5s"];

const timestamp = 1184;
const bigint = 20;
const parsers = new Map<number, (text: string) => unknown>([
  [timestamp, (text) => new Date(text).getTime()],
  [bigint, Number],
  [1185, (text) => parseArray(text).map((item) => new Date(item).getTime())],
]);

/** `{"2026-11-21 10:00:00+00",…}`: timestamps hold neither commas nor quotes of their own. */
const parseArray = (text: string) =>
  text === "{}"
    ? []
    : text
        .slice(1, -1)
        .split(",")
        .map((item) => item.replaceAll('"', ""));

const types = {
  getTypeParser: (oid: number, format?: "text" | "binary") =>
    parsers.get(oid) ?? pg.types.getTypeParser(oid, format ?? "text"),
} as pg.CustomTypesConfig; // pg types its own parsers too narrowly.

export function connectDatabase(options: DatabaseOptions): Database {
  const poolOf = (max: number, settings: readonly string[] = []) => {
    const pool = new pg.Pool({
      ...connectionOptions(options, settings),
      max,
      connectionTimeoutMillis: 5_000,
      // A new connection costs more than a whole create: the password alone takes milliseconds to check.
      idleTimeoutMillis: 600_000,
      pipeline: true,
      keepAlive: true, // Of a server that is gone without a word nothing else tells.
    });
    // An idle connection that breaks is replaced at the next query; without a listener it ends the process.
    pool.on("error", (error) => options.onError?.(error));
    return pool;
  };
  return databaseOn(
    poolOf(options.connections ?? 8),
    poolOf(lookUpConnections, [...byKey, ...patience]),
  );
}

/** Nobody waits for long at one; a second, so that a packet need not wait for the answers of another. */
const lookUpConnections = 2;

/** One that waits for what somebody has locked would hold up all look-ups. Healthy ones take less than a millisecond. */
const patience = ["statement_timeout = 2s"];

/** How every connection of the platform is made. */
export const connectionOptions = (
  { url, role }: DatabaseOptions,
  settings: readonly string[] = [],
) => ({
  connectionString: url,
  types,
  options: [
    ...planning,
    ...stalling,
    ...settings.map((setting) => `-c ${setting.replaceAll(" ", "")}`),
    ...(role ? [`-c role=${role}`] : []),
  ].join(" "),
});

/** What is needed of a pool of connections. */
export type Connections = Pick<pg.Pool, "query" | "connect" | "end">;

/** The same on connections that somebody else looks after. `quick`: those for look-ups, planned accordingly. */
export function databaseOn(pool: Connections, quick = pool): Database {
  const query = inPackets({
    take: (onError) => acquire(quick, onError),
    ask: (client, text, values) => {
      sendTogether(client);
      return run<never>(client, text, values).catch((error: unknown) => {
        throw sqlState(error) === "57014" ? heldUp(error) : error;
      });
    },
    isStale: isStalePlan,
    lossOf,
  });
  return {
    lookUps: { query },
    async query<Row extends object>(text: string, values?: readonly unknown[]) {
      for (;;) {
        try {
          return await run<Row>(pool, text, values);
        } catch (error) {
          if (!isStalePlan(error)) throw error; // The pool has dropped that connection.
        }
      }
    },
    async transaction(work, locally = []) {
      const begin = ["begin", ...locally.map((setting) => `set local ${setting}`)].join(";");
      for (let conflicts = 0; ; ) {
        try {
          return await once(work, begin);
        } catch (error) {
          if (isStalePlan(error)) continue;
          if (!isRetryable(error) || ++conflicts === 5) throw error;
        }
      }
    },
    async close() {
      await Promise.all([...new Set([pool, quick])].map((connections) => connections.end()));
    },
  };

  /** Listens from the first moment: what comes in the same breath as the connection would end the process. */
  function acquire(from: Connections, onError: (error: Error) => void): Promise<pg.PoolClient> {
    return new Promise((resolve, reject) => {
      from.connect((error, client) => {
        if (!client) return reject(unreachableDatabase(error));
        client.on("error", onError);
        resolve(client);
      });
    });
  }

  async function once<T>(work: (sql: Transaction) => Promise<T>, begin: string): Promise<T> {
    let broken: Error | undefined;
    const onError = (error: Error) => {
      broken ??= error; // The first says why, the next only that it is gone.
    };
    const client = await acquire(pool, onError);
    let first: unknown;
    let isOver = false;
    const query: Sql["query"] = async (text, values) => {
      // Whoever asks a connection that is gone is never answered.
      if (broken) throw lossOf(broken);
      // Of things that are done beside each other one may fail while another has yet to ask: nothing would take that back.
      if (isOver) throw first ?? new Error("a statement behind the end of its transaction");
      sendTogether(client);
      return run<never>(client, text, values).catch((error: unknown) => {
        first ??= error;
        throw error;
      });
    };
    const unheard: Promise<unknown>[] = [];
    const last = (asked: Promise<unknown>) => {
      asked.catch(() => {}); // Heard below.
      unheard.push(asked);
    };
    try {
      last(query(begin)); // Travels with the first statement; whatever breaks it breaks that as well.
      const result = await work({ query, last });
      isOver = true;
      sendTogether(client);
      // Where one of those before it has failed, this undoes all of it and does not fail itself.
      await Promise.all([...unheard, run(client, "commit")]);
      return result;
    } catch (thrown) {
      isOver = true;
      first ??= thrown;
      if (broken && isStalled(broken)) throw broken; // What came of it is that there is no connection.
      // Of statements that were sent together, one behind the failure may be heard first.
      const error = sqlState(thrown) === "25P02" ? (first ?? thrown) : thrown;
      if (isConnectionLoss(error) || isStalePlan(error)) broken = error as Error; // Both looked at it.
      if (!broken) await client.query("rollback").catch(() => {});
      throw error;
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  }
}

async function run<Row extends object>(
  target: Connections | pg.PoolClient,
  text: string,
  values?: readonly unknown[],
): Promise<readonly Row[]> {
  try {
    const { rows } = await target.query<Row>(values ? prepared(text, values) : { text });
    return rows;
  } catch (error) {
    throw isConnectionLoss(error) ? unreachableDatabase(error) : error;
  }
}

/** What is asked in one breath leaves in one packet: each write of its own costs more than most statements. */
function sendTogether(client: pg.PoolClient): void {
  const { connection } = client as unknown as { connection?: { stream: Socket } }; // Not in its types.
  if (!connection) return; // One that somebody else looks after.
  const { stream } = connection;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

const names = new Map<string, string>();
/** Statements are constants of the code, a few hundred. More than this, and somebody glues texts together. */
const mostNames = 1_000;

/** With a name PostgreSQL parses and plans a statement once per connection, which is most of a small one. */
function prepared(text: string, values: readonly unknown[]): pg.QueryConfig {
  let name = names.get(text);
  if (name === undefined && names.size < mostNames) {
    name = `s${names.size}`;
    names.set(text, name);
  }
  const written = values.map((value) => (Array.isArray(value) ? arrayOf(value) : value));
  return name === undefined ? { text, values: written } : { name, text, values: written };
}

/**
 * A list as PostgreSQL reads it. pg puts one together piece by piece, with two searches in each element, and a pass has
 * dozens of lists with hundreds of elements each. What is not as simple as nearly all are is left to it.
 */
export function arrayOf(values: readonly unknown[]): string | readonly unknown[] {
  const elements: string[] = [];
  for (const value of values) {
    if (value === null || value === undefined) elements.push("NULL");
    else if (typeof value === "string")
      elements.push(`"${/["\\]/.test(value) ? value.replace(/["\\]/g, "\\$&") : value}"`);
    else if (typeof value === "number" || typeof value === "boolean") elements.push(`${value}`);
    else return values;
  }
  return `{${elements.join(",")}}`;
}

/**
 * For transactions that look everything up by key. Left alone, PostgreSQL plans a large statement anew each time, which
 * costs as much as carrying it out, or reads a small table from end to end and goes on so when it has grown.
 */
export const byKey: readonly string[] = [
  "plan_cache_mode = force_generic_plan",
  ...["seqscan", "hashjoin", "mergejoin"].map((way) => `enable_${way} = off`),
];

/** The SQLSTATE of an error that PostgreSQL reported, if it did. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** The name of the constraint that an error broke, if that is what happened. */
export function brokenConstraint(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.constraint : undefined;
}

/** Does the work, and says `taken` where it breaks this constraint. */
export async function unlessTaken<T>(
  constraint: string,
  taken: () => Error,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw brokenConstraint(error) === constraint ? taken() : error;
  }
}

function isRetryable(error: unknown): boolean {
  const state = sqlState(error);
  return state === "40P01" || state === "40001" || isStalled(error) || isUnheard(error);
}

const isStalled = (error: unknown) => sqlState(error) === "25P03";

/**
 * Written to a connection that PostgreSQL had closed, so it never came to know of this. Why it was closed can no longer
 * be read: a manager that stood still speaks before it listens.
 */
const isUnheard = (error: unknown) =>
  error instanceof Problem && (error.cause as { code?: unknown } | undefined)?.code === "EPIPE";

/** A table has another shape than when this connection prepared the statement: a migration has run. */
function isStalePlan(error: unknown): boolean {
  return sqlState(error) === "0A000" && error instanceof Error && /cached plan/.test(error.message);
}

function isConnectionLoss(error: unknown): boolean {
  if (error instanceof Problem) return error.code === "database_unavailable";
  const state = sqlState(error);
  if (state) return state.startsWith("08") || state.startsWith("57P");
  if (!(error instanceof Error)) return false;
  const isSocket = "code" in error && /^E[A-Z]+$/.test(String(error.code));
  return (
    isSocket ||
    /[Cc]onnection terminated|is not queryable|timeout exceeded when trying to connect/.test(
      error.message,
    )
  );
}

const lossOf = (error: Error) => (isConnectionLoss(error) ? unreachableDatabase(error) : error);

const heldUp = (cause: unknown) =>
  problem(
    "unavailable",
    "database_unavailable",
    "The database has not answered in time: somebody holds what was asked for, or it has too much to do.",
    {
      fix: "Try again. If it stays so, see who waits for whom in it: select * from pg_stat_activity",
      retryAfterSeconds: 2,
    },
    cause,
  );

function unreachableDatabase(cause: unknown): Problem {
  if (cause instanceof Problem) return cause;
  return problem(
    "unavailable",
    "database_unavailable",
    "The database does not answer. Nothing is lost: instances run on, and what was accepted is carried out once it is back.",
    { fix: "Look at it: holdfast up (it starts what is not running)", retryAfterSeconds: 2 },
    cause,
  );
}
