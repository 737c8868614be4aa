/**
 * Takes in what hosts see of their machines, and writes down what has changed.
 *
 * Whatever arrives while one batch is being written goes into the next, so that a manager with a thousand
 * hosts writes a few statements and not a thousand. A checkup that cannot be written is dropped: the next
 * one says everything again.
 */
import type { Checkup, MachineLook } from "@holdfast/cloud/hosts";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Clock, Instant } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { latest } from "@holdfast/store/latest";
import { advance } from "../core/advance.ts";
import { judge } from "../core/judge.ts";
import { type Checks, checkNames, type Limits } from "../core/model.ts";
import { loadWatched, type NewChecks, saveChecks, saveCheckups, type Watched } from "./statuses.ts";

export interface RecorderDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly limits: () => Limits;
  /** A check of these has failed, or passes again. */
  readonly onChanged: (instances: readonly InstanceId[]) => void;
  readonly onError: (error: unknown) => void;
}

export interface Recorder {
  heard(host: HostId, epoch: number, checkup: Checkup): void;
  close(): Promise<void>;
}

interface Heard {
  readonly epoch: number;
  readonly checkup: Checkup;
}

export function recorder(deps: RecorderDeps): Recorder {
  const checkups = latest<HostId, Heard>(async (batch) => {
    const changed = await record(deps, batch);
    if (changed.length > 0) deps.onChanged(changed);
  }, deps.onError);

  return {
    heard: (host, epoch, checkup) => checkups.heard(host, { epoch, checkup }),
    close: checkups.close,
  };
}

/** Returns the instances of which a check has failed or passes again. */
async function record(
  { database, clock, limits: readLimits }: RecorderDeps,
  batch: ReadonlyMap<HostId, Heard>,
): Promise<readonly InstanceId[]> {
  return database.transaction(async (sql) => {
    const now = clock.now();
    const limits = readLimits();
    const hosts = [...batch.keys()];
    const ids = [...batch.values()].flatMap(({ checkup }) =>
      checkup.machines.map(({ instance }) => instance),
    );
    // Another manager may be writing about the same, if a host has just changed over.
    await sql.query(
      "select from instance_check where instance_id = any($1) order by instance_id for update",
      [ids],
    );
    const watched = await loadWatched(sql, { ids, hosts }, now);
    const next = watched.flatMap((one) => {
      const look = one.host && findLook(batch.get(one.host), one);
      return look ? [{ one, checks: judged(one, look, batch, limits, now) }] : [];
    });
    const changed = next.filter(({ one, checks }) => !isSame(one.known, checks));
    const turned = changed.flatMap(({ one, checks }) => turns(one, checks, now));
    await saveChecks(sql, changed.map(rowOf));
    await saveCheckups(sql, hosts, now);
    await appendJournal(sql, turned);
    return [...new Set(turned.map(({ subject }) => subject as InstanceId))]; // Journal rows hold plain text.
  });
}

/** What a host says of another launch, or of an epoch that is over, is about something that is gone. */
function findLook(
  heard: Heard | undefined,
  { id, generation, hostEpoch }: Watched,
): MachineLook | undefined {
  if (!heard || heard.epoch !== hostEpoch) return undefined;
  return heard.checkup.machines.find(
    (look) => look.instance === id && look.generation === generation,
  );
}

function judged(
  { subject, host, pool, known }: Watched,
  look: MachineLook,
  batch: ReadonlyMap<HostId, Heard>,
  limits: Limits,
  now: Instant,
): Checks {
  const storage = host && batch.get(host)?.checkup.storage.find((one) => one.pool === pool);
  const sight = { subject, host: subject.host?.name ?? "its host", look, storage, limits };
  return advance(known, judge(sight), limits, now);
}

const rowOf = ({ one, checks }: { one: Watched; checks: Checks }): NewChecks => ({
  instance: one.id,
  generation: one.generation,
  checks,
});

const isSame = (before: Checks | undefined, after: Checks) =>
  before !== undefined &&
  checkNames.every((name) => {
    const [a, b] = [before[name], after[name]];
    return (
      a.status === b.status && a.failures === b.failures && a.says === b.says && a.fix === b.fix
    );
  });

/** What the timeline of an instance should tell: a check that has failed, and one that is over it. */
function turns({ id, known, generation }: Watched, checks: Checks, now: Instant): JournalRow[] {
  return checkNames.flatMap((name) => {
    const [was, is] = [known?.[name].status, checks[name].status];
    const hasFailed = is === "failed" && was !== "failed";
    const isOver = was === "failed" && is !== "failed";
    if (!hasFailed && !isOver) return [];
    const row: JournalRow = {
      at: now,
      kind: "instance",
      subject: id,
      event: hasFailed ? "checkFailed" : "checkOver",
      generation,
      actor: "holdfast",
      detail: { check: name, says: checks[name].says },
    };
    return [row];
  });
}

/** Expunged instances are kept for their history; what they looked like is not. */
export async function forgetExpunged(sql: Sql): Promise<void> {
  await sql.query(
    "delete from instance_check c using instance i where i.id = c.instance_id and i.state = 'expunged'",
  );
  await sql.query(
    "delete from alarm_watch w using instance i where i.id = w.instance_id and i.state = 'expunged'",
  );
}
