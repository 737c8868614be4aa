/**
 * The figures of the whole platform, read when somebody asks for them. Counting as things happen would lose
 * what happened while no manager looked, and every manager would have counted something else.
 */

import type { Instant } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type CheckName, checkNames, type Limits } from "../core/model.ts";
import { loadStatuses } from "./statuses.ts";

export interface Measures {
  readonly instances: readonly { readonly state: string; readonly count: number }[];
  readonly hosts: readonly {
    readonly state: string;
    readonly mode: string;
    readonly count: number;
  }[];
  readonly checks: readonly CheckMeasure[];
  /** Whether `checks` holds only those that have failed, because all would be too many. */
  readonly isAbridged: boolean;
  /** From a death to the guest of the next launch being up, in seconds: of all that are known. */
  readonly recoveries: Histogram;
}

export interface CheckMeasure {
  readonly project: string;
  readonly instance: string;
  readonly check: CheckName;
  readonly hasFailed: boolean;
}

/** Counts up to and including each bound, as Prometheus has them. */
export interface Histogram {
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[];
  readonly count: number;
  readonly sum: number;
}

/** Three series for each of so many instances are fine; three for each of ten thousand are a burden. */
const mostInstances = 1_000;

/** Seconds. A guest boots in one to thirty; a host needs its lease and its proof before that. */
export const recoveryBounds = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600];

export async function measure(sql: Sql, limits: Limits, now: Instant): Promise<Measures> {
  // Where not all are told, those that are well need not be read: of a hundred thousand that took seconds.
  const homed = await sql.query(
    `select from instance where home is not null limit ${mostInstances + 1}`,
    [],
  );
  const isAbridged = homed.length > mostInstances;
  const which = { onlyHomed: true, onlySuspicious: isAbridged };
  const [instances, hosts, statuses, recoveries] = await Promise.all([
    sql.query<{ state: string; count: number }>(
      "select state, count(*)::int as count from instance where not is_expunged group by state",
      [],
    ),
    sql.query<{ state: string; mode: string; count: number }>(
      "select state, mode, count(*)::int as count from host group by state, mode",
      [],
    ),
    loadStatuses(sql, which, limits, now),
    recoveryTimes(sql),
  ]);
  const checks = statuses.flatMap(({ projectName, subject, checks: all }) =>
    checkNames.map((check) => ({
      project: projectName,
      instance: subject.name,
      check,
      hasFailed: all[check].status === "failed",
    })),
  );
  return {
    instances,
    hosts,
    checks: isAbridged ? checks.filter(({ hasFailed }) => hasFailed) : checks,
    isAbridged,
    recoveries,
  };
}

/**
 * Whoever starts an instance by hand hours after its death has not measured the platform, so what took
 * longer than the last bound is left out.
 */
async function recoveryTimes(sql: Sql): Promise<Histogram> {
  const last = recoveryBounds.at(-1) ?? 0;
  const rows = await sql.query<{ upTo: number; count: number; sum: number }>(
    `with took as (
       select extract(epoch from coalesce(n.up_at, n.running_at) - d.at)::float as seconds
       from death d join incarnation n on n.instance_id = d.instance_id and n.generation = d.generation + 1
       where n.running_at is not null)
     select b as "upTo", count(*)::int as count, sum(seconds)::float as sum
     from took join lateral (select min(b) as b from unnest($1::float[]) b where seconds <= b) bounds on b is not null
     where seconds between 0 and $2 group by b order by b`,
    [recoveryBounds, last],
  );
  let count = 0;
  const buckets = recoveryBounds.map((upTo) => {
    count += rows.find((row) => row.upTo === upTo)?.count ?? 0;
    return { upTo, count };
  });
  return { buckets, count, sum: rows.reduce((all, row) => all + row.sum, 0) };
}
