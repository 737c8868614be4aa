/**
 * The monitor of a platform that runs: one manager looks every few seconds, and what it has seen is a row that any
 * of them answers from.
 *
 * It is held by lease and not by turns: since when something is broken is remembered by whoever looks, and with
 * another looker every few seconds nothing would ever have been broken for long.
 */
import type { Trouble, TroubleSource } from "@holdfast/cloud/checks";
import { nobodyElse } from "@holdfast/cloud/checks";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { iso, milliseconds, seconds } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { dropLease, holdLease } from "@holdfast/store/leases";
import { type Kind, kinds, type Violation } from "../core/model.ts";
import { type Looked, type Monitor, openMonitor } from "./monitor.ts";

export interface InvariantWatchDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly self: string;
  /** Seconds between two looks; 0: none. */
  readonly every: () => number;
  /** Of a violation that was not there at the look before. */
  readonly onBroken: (violation: Violation) => void;
  readonly onError: (error: unknown) => void;
}

export interface InvariantWatch {
  /** Call every second: it looks when it is time, and never twice at once. */
  round(): Promise<void>;
  close(): Promise<void>;
}

/** How far a look got with one kind of thing. */
export interface Progress {
  readonly at: Instant;
  /** Looked at by the last look: what had changed, and the next few. */
  readonly subjects: number;
  /** When all that there are had been looked at, and how many those were; null: not yet. */
  readonly roundAt: Instant | null;
  readonly roundOf: number | null;
}

export interface LookRow {
  readonly at: Instant;
  readonly manager: string;
  readonly kinds: { readonly [K in Kind]?: Progress };
  readonly broken: number;
  readonly violations: readonly Violation[];
}

/** The rows that show a violation can be large; the oldest tell the story. */
const mostKept = 50;
const turn = "invariants";

export function invariantWatch(deps: InvariantWatchDeps): InvariantWatch {
  const { database, clock, self, every, onBroken, onError } = deps;
  let monitor: Monitor | undefined;
  let awakeSince: Instant | undefined;
  let progress: LookRow["kinds"] = {};
  /** How many of each kind the walk that is under way has seen. */
  let walked: Partial<Record<Kind, number>> = {};
  let known = new Set<string>();
  let nextAt = 0;
  let looking: Promise<void> | undefined;

  return {
    async round() {
      const now = clock.now();
      if (every() === 0 || now < nextAt || looking) return;
      nextAt = now + every() * 1_000;
      looking = look()
        .catch((error: unknown) => {
          // Whatever was due meanwhile could not be done either.
          awakeSince = undefined;
          onError(error);
        })
        .finally(() => {
          looking = undefined;
        });
      await looking;
    },
    async close() {
      await looking;
      if (monitor) await dropLease(database, turn, self).catch(() => {}); // It ends by itself as well.
    },
  };

  async function look(): Promise<void> {
    const lasts = Math.max(milliseconds(every() * 3_000), seconds(15));
    const isMine = (await holdLease(database, turn, self, milliseconds(lasts))) !== undefined;
    if (!isMine) {
      monitor = undefined; // Somebody else looks; what this one remembers is of the past.
      return;
    }
    awakeSince ??= clock.now();
    monitor ??= begin();
    const seen = await monitor.survey();
    note(seen);
    await write(database, self, seen, progress);
  }

  function begin(): Monitor {
    progress = {};
    walked = {};
    known = new Set();
    return openMonitor(database, { now: clock.now, awakeSince: () => awakeSince });
  }

  function note({ at, subjects, walked: steps, rounds, violations }: Looked): void {
    for (const kind of kinds) {
      walked[kind] = (walked[kind] ?? 0) + steps[kind];
      const before = progress[kind];
      const isRound = rounds.includes(kind);
      progress = {
        ...progress,
        [kind]: {
          ...{ at, subjects: subjects[kind] },
          roundAt: isRound ? at : (before?.roundAt ?? null),
          roundOf: isRound ? walked[kind] : (before?.roundOf ?? null),
        },
      };
      if (isRound) walked[kind] = 0;
    }
    const key = ({ rule, subject }: Violation) => `${rule} ${subject}`;
    for (const one of violations) if (!known.has(key(one))) onBroken(one);
    known = new Set(violations.map(key));
  }
}

async function write(
  sql: Sql,
  self: string,
  { at, violations }: Looked,
  progress: LookRow["kinds"],
): Promise<void> {
  await sql.query(
    `insert into invariant_look (at, manager, kinds, broken, violations) values ($1, $2, $3, $4, $5)
     on conflict (is_only) do update set at = excluded.at, manager = excluded.manager, kinds = excluded.kinds,
       broken = excluded.broken, violations = excluded.violations`,
    [
      ...[iso(at), self, JSON.stringify(progress), violations.length],
      JSON.stringify(violations.slice(0, mostKept)),
    ],
  );
}

/** Undefined: nobody has looked yet. */
export async function readLook(sql: Sql): Promise<LookRow | undefined> {
  const [row] = await sql.query<LookRow>(
    "select at, manager, kinds, broken, violations from invariant_look",
  );
  return row;
}

/** Broken rules, for whoever asks what is wrong. They are bugs: nothing is done about them by itself. */
export const invariantTroubles =
  (sql: Sql): TroubleSource =>
  async ({ project }) => {
    if (project !== undefined) return [];
    const look = await readLook(sql);
    return (look?.violations ?? []).map(troubleOf);
  };

function troubleOf({ rule, kind, subject, name, says, since }: Violation): Trouble {
  const isThing = kind === "instance" || kind === "host";
  return {
    code: "invariant-broken",
    severity: "risk",
    subject: isThing
      ? { kind, id: subject, name }
      : { kind: "platform", id: subject, name: `${kind} ${name}` },
    project: undefined,
    since,
    says: `What should never be so is: ${says} (${rule}).`,
    affects: nobodyElse,
    doing:
      "Nothing: this is a fault of the platform itself, and mending it blindly could make it worse.",
    fix: `See the rows that show it, and what the rule is for: holdfast invariants --rule ${rule} --rows`,
  };
}
