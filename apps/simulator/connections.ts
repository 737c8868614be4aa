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
import type pg from "pg";
import type { Statement } from "./backends.ts";
import { moments, type Points } from "./points.ts";
import { openSession, type Shared } from "./session.ts";
import { idleTooLong, nothing, writingOf } from "./statements.ts";
import { after, sleepFor } from "./time.ts";

/** What all managers have in common. */
export interface Server extends Shared {
  /** False while it is not there to be connected to. */
  isUp: boolean;
  /** Every connection there is, for whoever breaks them. */
  readonly open: Set<{ break(why: "server" | "network"): void }>;
  /** Where whoever writes may end. */
  readonly points?: Points;
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
    const session = openSession(server);
    let isOpen = true;
    /** Nothing that was sent gets there any more. */
    let isLost = false;
    /** PostgreSQL hears that its process has ended, behind whatever still comes of it. */
    let isHungUp = false;
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
      const at = session.isBegun() && statement.text !== "commit" ? (["before"] as const) : moments;
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
      const written = session.writes();
      return written.length > 0 ? `commits ${written.join(", ")}` : undefined;
    }

    async function carryOut(statement: Statement): Promise<pg.QueryResult> {
      stopIdle();
      isLost ||= !isOpen && (!isDead || random.below(2) === 0);
      if (isLost && isHungUp) leave();
      if (isLost) return never;
      try {
        return await session.carryOut(statement);
      } finally {
        if (session.isBegun()) {
          if (isLost || (!isOpen && !isDead)) void undo();
          else if (isOpen) watchIdle();
        }
      }
    }

    /** A transaction in which nothing happens is undone, and its connection closed. */
    function watchIdle(): void {
      stopIdle = after(idlePatience, () => {
        if (!isOpen || !session.isBegun()) return;
        connection.break("network");
        void pass().then((isHeard) => isHeard && lose(idleTooLong()));
      });
    }

    /** PostgreSQL knows that nobody is there any more. */
    function leave(): void {
      isLost = true;
      if (!session.isRunning()) void undo(); // It notices when the statement is over.
    }

    function undo(): Promise<void> {
      stopIdle();
      return session.undo();
    }
  }

  function admitNext(): void {
    const next = queue.shift();
    if (next) next(acquire());
  }
}

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
