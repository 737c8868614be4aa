/**
 * Work that one manager at a time does for all. Whoever does not get the turn need not wait: what is left to do
 * shows in the database, and the next look finds it.
 */
import type { Sql } from "./database.ts";

/** PostgreSQL's advisory locks are numbers; one each. */
const locks = { networks: 7_301_184, volumes: 7_301_185, events: 7_301_186 } as const;

/** Whether it is this transaction's, until that ends. */
export async function takeTurn(sql: Sql, at: keyof typeof locks): Promise<boolean> {
  const [mine] = await sql.query<{ got: boolean }>("select pg_try_advisory_xact_lock($1) as got", [
    locks[at],
  ]);
  return mine?.got === true;
}
