/**
 * What a manager says to PostgreSQL, as far as a simulated world understands it by its text, and the answers that need no
 * PostgreSQL. Whatever is not named here is PostgreSQL's own business.
 */
import pg from "pg";
import type { Statement } from "./backends.ts";
import { worldMoment } from "./time.ts";

/** With the settings that hold within it, if there are any. */
export const isBegin = (text: string) => text === "begin" || text.startsWith("begin;");
export const isEnd = (text: string) => text === "commit" || text === "rollback";
export const tryLock = "select pg_try_advisory_xact_lock($1) as got";
export const notify = "select pg_notify($1, $2)";
/** PostgreSQL's clock is the world's; see server.ts. */
export const isClock = ({ text }: Statement) => text === "select clock_timestamp() as at";
export const clockNow = () => rowOf({ at: Math.round(worldMoment()) });

/** What it does to which tables, for people. */
export const writingOf = (text: string) =>
  [...text.matchAll(/(?<!for )\b(update|insert\s+into|delete\s+from)\s+(?!set\b)([a-z_]+)/g)]
    .map(([, verb = "", table = ""]) => `${verb.split(/\s/)[0]}s ${table}`)
    .join(", ");

// Nobody reads the rest of these.
export const nothing = { rows: [], rowCount: 1 } as unknown as pg.QueryResult;
export const noRows = { rows: [], rowCount: 0 } as unknown as pg.QueryResult;
export const rowOf = (row: object) => ({ rows: [row], rowCount: 1 }) as unknown as pg.QueryResult;

export const tooLate = () => databaseError("could not serialize access", "40001");
export const idleTooLong = () =>
  databaseError("terminating connection due to idle-in-transaction timeout", "25P03");

function databaseError(message: string, code: string): Error {
  return Object.assign(new pg.DatabaseError(message, 0, "error"), { code });
}
