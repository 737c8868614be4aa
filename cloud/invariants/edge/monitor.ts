/**
 * Looks whether everything holds that always holds: at one moment, and again at the next.
 *
 * It is for whoever runs a cloud, in a process or in a simulator: call `look` as often as you like; looks wait for each other.
 * What it remembers between two looks is where it has got to, what it has seen broken, and since when.
 */
import { after, type Duration, type Instant, milliseconds, seconds } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import type { Kind, Moment, Sights, Violation } from "../core/model.ts";
import { follow, noQueue, passedOver } from "../core/queue.ts";
import { type Broken, judge, ruleList } from "../core/rules.ts";
import { findChanges, type Reach, type Subjects, startOfAll } from "./changes.ts";
import {
  readHosts,
  readInstances,
  readJobs,
  readNetworks,
  readVolumes,
  readWorks,
} from "./sights.ts";

export interface MonitorOptions {
  readonly now: () => Instant;
  /**
   * Since when somebody has been there who acts on what is due; undefined: nobody is. Nothing is late before it has
   * been due for `late` of that time. Absent: somebody always was.
   */
  readonly awakeSince?: () => Instant | undefined;
  /** A deadline is followed by its action within a second: this late, something does not do its work. */
  readonly late?: Duration;
  readonly reach?: Partial<Reach>;
}

export interface Looked {
  readonly at: Instant;
  /** What is broken now, as far as has been seen; the oldest first. */
  readonly violations: readonly Violation[];
  /** How many of each kind were looked at. */
  readonly subjects: Readonly<Record<Kind, number>>;
  /** How many of each kind the walk has come by. */
  readonly walked: Readonly<Record<Kind, number>>;
  /** Kinds of which the walk has just come to the end: every one of them has been looked at. */
  readonly rounds: readonly Kind[];
}

export interface Monitor {
  /** What is broken now. `everything` looks at all there is, however long that takes. */
  look(how?: { readonly everything?: boolean }): Promise<readonly Violation[]>;
  /** The same, and what was looked at. */
  survey(how?: How): Promise<Looked>;
}

export interface How {
  readonly everything?: boolean;
  /** Of each kind that the walk comes by in this look, instead of as many as in each; 0: it is not gone on with. */
  readonly walk?: number;
  /** One that reads all of it at one moment, instead of a transaction of its own. */
  readonly sql?: Sql;
}

const usual = { late: seconds(10), walk: 25, most: 100 };
const graces = new Map(ruleList.map(({ name, grace }) => [name, grace?.lasts ?? milliseconds(0)]));

export function openMonitor(
  database: Pick<Database, "transaction">,
  options: MonitorOptions,
): Monitor {
  const { now: readNow, late = usual.late, awakeSince } = options;
  const usually = { walk: usual.walk, most: usual.most, ...options.reach };
  let cursor = startOfAll();
  let queue = noQueue;
  /** Everything that was broken when its subject was last looked at. */
  let known = new Map<string, Violation>();

  let last: Promise<unknown> = Promise.resolve();
  const survey: Monitor["survey"] = (how) => {
    const mine = last.then(() => once(how));
    last = mine.catch(() => {}); // Whoever asked for it is told.
    return mine;
  };
  return { look: async (how) => (await survey(how)).violations, survey };

  async function once({ everything = false, walk = usually.walk, sql }: How = {}): Promise<Looked> {
    const reach = everything ? { walk: Infinity, most: Infinity } : { ...usually, walk };
    const seen = await (sql ? read(sql) : database.transaction(read));
    const { sights, moment, rounds } = seen;
    cursor = seen.cursor;
    queue = seen.queue;
    remember(judge(sights, moment), moment.now);
    const violations = [...known.values()]
      .filter(({ rule, since }) => counts(rule, since, moment.now))
      .sort((a, b) => a.since - b.since);
    return {
      at: moment.now,
      violations,
      subjects: countsOf(sights),
      walked: seen.walked,
      rounds,
    };

    async function read(one: Sql) {
      if (!sql) await one.query("set transaction isolation level repeatable read, read only");
      const begun = momentOf(readNow());
      const from = everything ? { ...cursor, at: {} } : cursor;
      const { subjects, walked, rounds, next, overdue } = await findChanges(
        one,
        from,
        reach,
        begun.lateBefore,
      );
      const line = follow(queue, overdue, begun.now);
      const moment = { ...begun, passedOver: passedOver(line, begun.now) };
      for (const { kind, subject } of known.values()) subjects[kind].add(subject); // Is it still so?
      return {
        moment,
        cursor: next,
        queue: line,
        sights: await readAll(one, subjects),
        walked,
        rounds,
      };
    }
  }

  /** What somebody is to bring to its end is given the grace of that only while there is somebody. */
  function counts(rule: string, since: Instant, now: Instant): boolean {
    const grace = graces.get(rule);
    if (!grace) return true;
    const awake = awakeSince ? awakeSince() : since;
    return awake !== undefined && now >= after(awake > since ? awake : since, grace);
  }

  function momentOf(now: Instant): Moment {
    const since = awakeSince ? awakeSince() : (0 as Instant); // For ever.
    const isAwake = since !== undefined && now - since >= late;
    return { now, lateBefore: (isAwake ? now - late : 0) as Instant }; // Nothing is due before 1970.
  }

  /** What is still broken keeps the moment at which it was first seen; what is not is forgotten. */
  function remember(broken: readonly Broken[], now: Instant): void {
    const next = new Map<string, Violation>();
    for (const one of broken) {
      // By its place and not by its words: those tell how long it has been so.
      let key = `${one.rule} ${one.subject}`;
      while (next.has(key)) key += "+";
      next.set(key, { ...one, since: known.get(key)?.since ?? now });
    }
    known = next;
  }
}

async function readAll(sql: Sql, subjects: Subjects): Promise<Sights> {
  const [instance, host, job, volume, network, work] = await Promise.all([
    readInstances(sql, [...subjects.instance]),
    readHosts(sql, [...subjects.host]),
    readJobs(sql, [...subjects.job]),
    readVolumes(sql, [...subjects.volume]),
    readNetworks(sql, [...subjects.network]),
    readWorks(sql, [...subjects.work]),
  ]);
  return { instance, host, job, volume, network, work };
}

const countsOf = (sights: Sights): Looked["subjects"] => ({
  instance: sights.instance.length,
  host: sights.host.length,
  job: sights.job.length,
  volume: sights.volume.length,
  network: sights.network.length,
  work: sights.work.length,
});
