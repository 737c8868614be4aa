/**
 * Writes down when the rules of a host stop to be in force, and when they are again.
 *
 * A host mends its rules in the same breath in which it tells of them, so the two words come seconds apart. Both
 * count, in their order: were only the last one kept, as with other looks, nobody would ever hear of the gap.
 */
import type { NetworksLook } from "@holdfast/cloud/hosts";
import type { HostId } from "@holdfast/kernel/ids";
import { type Clock, iso } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";

type Rules = NetworksLook["rules"];

export interface RuleNotes {
  /** What cannot be written is said again by the host. */
  heard(host: HostId, epoch: number, rules: Rules): void;
  /** It has connected anew, and may have spoken to another manager meanwhile. */
  arrived(host: HostId): void;
  /** Resolves when all that was heard is written. */
  close(): Promise<void>;
}

export function ruleNotes(deps: {
  readonly database: Database;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}): RuleNotes {
  const { database, clock } = deps;
  /** The end of what is being written of each host. */
  const last = new Map<HostId, Promise<void>>();
  /** What each has said on this connection and is in its row. */
  const known = new Map<HostId, string>();

  return {
    heard(host, epoch, rules) {
      const word = `${epoch} ${rules}`;
      if (known.get(host) === word) return;
      known.delete(host);
      const before = last.get(host) ?? Promise.resolve();
      const now = before
        .then(() => note(host, epoch, rules))
        .then(() => {
          if (last.get(host) === now) known.set(host, word);
        })
        .catch(deps.onError);
      last.set(host, now);
    },
    arrived: (host) => known.delete(host),
    async close() {
      await Promise.all(last.values());
    },
  };

  async function note(host: HostId, epoch: number, rules: Rules): Promise<void> {
    // Compared with the row: the host may have spoken to another manager. Nearly always it is so already.
    const [differs] = await database.query(
      "select 1 from host where id = $1 and epoch = $2 and network_rules <> $3",
      [host, epoch, rules],
    );
    if (!differs) return;
    await database.transaction(async (sql) => {
      const now = clock.now();
      const [changed] = await sql.query<{ before: Rules }>(
        `with old as (select id, network_rules from host
           where id = $1 and epoch = $2 and network_rules <> $3 for update)
         update host h set network_rules = $3, network_rules_since = $4
         from old where h.id = old.id returning old.network_rules as before`,
        [host, epoch, rules, iso(now)],
      );
      if (!changed) return; // Another manager has just written the same, or the host was fenced.
      await appendJournal(sql, [
        {
          at: now,
          kind: "host",
          subject: host,
          event: rules === "in-force" ? "rulesInForce" : "rulesBypassed",
          actor: "holdfast",
          detail: { rules, before: changed.before, says: saysOf[rules] },
        },
      ]);
    });
  }
}

/** For people: what has happened to the rules of a host's security groups. */
export const saysOf: Readonly<Record<Rules, string>> = {
  "in-force": "The rules of its security groups are in force again.",
  bypassed:
    "Packets pass its security groups unseen: somebody has set bridge-nf-call-iptables to 0.",
  missing: "The rules of its security groups are gone: somebody has removed them.",
};
