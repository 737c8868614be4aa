/**
 * Rounds over everything of a kind, again and again: in one process one after the other, and of all managers one at
 * a time. Whoever does not get the turn need not wait: what is left to do shows in the database, and the next
 * look finds it.
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

export interface Turns {
  /** Something may be different. Any number of changes while a turn is under way make one more turn. */
  changed(): void;
  /** Resolves when the last turn is over. */
  close(): Promise<void>;
}

/** How long after a turn that failed another one is made; milliseconds. */
const pause = 1_000;

/** A turn that fails is told of, and made again a moment later. */
export function turns(turn: () => Promise<void>, onError: (error: unknown) => void): Turns {
  let isWanted = false;
  let isOpen = true;
  let turning: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  const failed = (error: unknown) => {
    onError(error);
    clearTimeout(retry);
    if (isOpen) retry = setTimeout(changed, pause);
  };
  const run = async () => {
    await new Promise((resolve) => setImmediate(resolve)); // Whatever else is changing comes along.
    while (isWanted && isOpen) {
      isWanted = false;
      await turn().catch(failed);
    }
    turning = undefined;
  };
  function changed(): void {
    isWanted = true;
    if (isOpen) turning ??= run();
  }
  return {
    changed,
    async close() {
      isOpen = false;
      clearTimeout(retry);
      await turning;
    },
  };
}
