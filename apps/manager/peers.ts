/**
 * How many managers there are, for what is allowed to all of them together: each says now and then that it is there,
 * and one that has not for a while is gone. It is a little late, both ways; nothing that must be exact may ask here.
 */
import { milliseconds } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { countHolders, dropLease, holdLease } from "@holdfast/store/leases";

export interface Peers {
  /** Itself among them: one or more. */
  count(): number;
  close(): Promise<void>;
}

const often = 5_000;
const lasts = milliseconds(3 * often);
const kind = "manager";

/** One, until it has been counted. Where the database is away, there are as many as there were. */
export function countPeers(sql: Sql, self: string, onError: (error: unknown) => void): Peers {
  const mine = `${kind} ${self}`;
  let known = 1;
  const look = async () => {
    await holdLease(sql, mine, self, lasts);
    known = Math.max(1, await countHolders(sql, kind));
  };
  let looking = look().catch(onError);
  const beat = setInterval(() => {
    looking = looking.then(() => look().catch(onError));
  }, often);
  return {
    count: () => known,
    async close() {
      clearInterval(beat);
      await looking;
      await dropLease(sql, mine, self).catch(onError);
    },
  };
}
