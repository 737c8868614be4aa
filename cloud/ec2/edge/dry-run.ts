/**
 * `DryRun`: an action that goes as far as its first change, and not on.
 *
 * So whoever may not do it, or names what is not there or cannot be read, is refused as without it, by the same code. What
 * only the change itself finds out (a quota, a state, a name that is taken) is not known before.
 */
import type { Database, Sql } from "@holdfast/store/database";
import { refuse } from "../core/errors.ts";
import type { Gate } from "./call.ts";

/** What a dry run ends with, if nothing refuses it before. */
export const wouldSucceed = () =>
  refuse("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);

/** Looks are had; what would change something is judged and read as it would be, and not carried out. */
export function dryGate(gate: Gate): Gate {
  return {
    ...gate,
    async ask(caller, route, request) {
      if (route.method === "GET") return gate.ask(caller, route, request);
      await gate.ask(caller, route, { ...request, isDry: true });
      throw wouldSucceed();
    },
  };
}

/** Some actions keep words of their own: those begin with a transaction, or say that they write. */
export function dryDatabase(database: Database): Database {
  const query: Sql["query"] = async (text, ...values) => {
    if (/^\s*(insert|update|delete)\b/i.test(text)) throw wouldSucceed();
    return database.query(text, ...values);
  };
  return { ...database, query, transaction: () => Promise.reject(wouldSucceed()) };
}
