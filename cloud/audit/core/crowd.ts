/**
 * Requests of nobody, counted: the first few of a kind are told one by one, the rest as how many there were.
 *
 * Anybody can send as many as they like, and each line costs a row for a year. So what a minute may add is bounded,
 * and so is what is remembered of it: kinds beyond that are counted together.
 */
import type { AuditEntry } from "./entry.ts";

const minute = 60_000;
/** Of a kind and in a minute. */
const toldSingly = 5;
const mostKinds = 200;

export interface Counted {
  readonly entry: AuditEntry;
  readonly count: number;
}

interface Kind {
  readonly first: AuditEntry;
  seen: number;
}

export function crowd() {
  let kinds = new Map<string, Kind>();
  let since = Number.NEGATIVE_INFINITY;

  return {
    /** What is to be written now, if anything. */
    hear(entry: AuditEntry): readonly Counted[] {
      const counted = entry.at - since >= minute ? this.end() : [];
      if (kinds.size === 0) since = entry.at;
      const { source, method, route, status, code } = entry;
      const own = JSON.stringify([source, method, route, status, code]);
      const name = kinds.has(own) || kinds.size < mostKinds ? own : "others";
      const kind = kinds.get(name) ?? { first: name === own ? entry : ofMany(entry), seen: 0 };
      kinds.set(name, kind);
      kind.seen++;
      const isTold = name === own && kind.seen <= toldSingly;
      return isTold ? [...counted, { entry, count: 1 }] : counted;
    },
    /** What was not told singly since the minute began. A new one begins. */
    end(): readonly Counted[] {
      const counted = [...kinds].map(([name, { first, seen }]) => ({
        entry: first,
        count: name === "others" ? seen : seen - toldSingly,
      }));
      kinds = new Map();
      return counted.filter(({ count }) => count > 0);
    },
  };
}

const ofMany = (entry: AuditEntry): AuditEntry => ({
  ...entry,
  ...{ requestId: "many", method: "*", route: "*", path: "*", source: "many" },
});
