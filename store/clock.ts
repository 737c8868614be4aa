/**
 * The time of the platform is PostgreSQL's, so that managers whose machines disagree about the hour agree
 * about every deadline, and a manager whose clock is set forward kills nobody's guest.
 *
 * Between two looks at PostgreSQL the steady clock of the process counts on. Whoever compares times from here
 * must bear that they are off by the time an answer took to arrive, a few milliseconds.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, Instant, Ticks } from "@holdfast/kernel/time";
import type { Sql } from "./database.ts";

export interface DatabaseClock extends Clock {
  /** Looks again. Returns true if PostgreSQL's own clock has jumped since: deadlines are not what they were. */
  sync(): Promise<boolean>;
}

/** In milliseconds. Less is the drift of two good clocks, and the time that an answer takes. */
const jump = 1_000;

/** Rejects with `database_unavailable`. */
export async function databaseClock(sql: Sql, ticks: Ticks): Promise<DatabaseClock> {
  let offset = await measure();
  return {
    now: () => Math.round(ticks() + offset) as Instant,
    sleep: (duration) => sleep(duration),
    async sync() {
      const before = offset;
      offset = await measure();
      return Math.abs(offset - before) > jump;
    },
  };

  /** What to add to the ticks. The answer is taken to be half as old as it took. */
  async function measure(): Promise<number> {
    const asked = ticks();
    const [row] = await sql.query<{ at: Instant }>("select clock_timestamp() as at");
    if (!row) throw new Error("a select without a table has one row");
    return row.at - (asked + ticks()) / 2;
  }
}
