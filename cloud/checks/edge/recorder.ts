/**
 * Takes in what hosts see of their machines, and writes down what has changed.
 *
 * Of a machine that is as well as it was nothing is read, and of its host only that it was looked at is written: a fleet
 * in which nothing changes costs the same for any number of guests. Whatever arrives while one batch is being written goes into the next, so that a manager with a thousand
 * hosts writes a few statements and not a thousand. A checkup that cannot be written is dropped: the next
 * one says everything again.
 */
import type { Checkup, MachineLook } from "@holdfast/cloud/hosts";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { byKey, type Database, type Sql } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { latest } from "@holdfast/store/latest";
import { advance } from "../core/advance.ts";
import { calmnessOf, calmnessOfHost } from "../core/calm.ts";
import { judge as verdictsOf } from "../core/judge.ts";
import { type Checks, checkNames, type Limits } from "../core/model.ts";
import {
  loadWatched,
  type NewChecks,
  saveChecks,
  saveCheckups,
  saveFirstChecks,
  type Watched,
} from "./statuses.ts";

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
  /** It has connected anew, and may have spoken to another manager meanwhile. */
  arrived(host: HostId): void;
  close(): Promise<void>;
}

interface Heard {
  readonly epoch: number;
  readonly checkup: Checkup;
}

/** Of which machines of a host it is recorded that they are well, as they looked then, and until when that counts. */
interface Calm {
  readonly common: string | undefined;
  readonly until: number;
  readonly looks: Map<InstanceId, string>;
}

/** What is well stays so without another look at the rows for so long; milliseconds. */
const calmFor = 300_000;

/** Between one batch and the next: a thousand hosts are a few statements a second. Milliseconds. */
const gathering = 200;

export function recorder(deps: RecorderDeps): Recorder {
  const calm = new Map<HostId, Calm>();
  const checkups = latest<HostId, Heard>(
    async (batch) => {
      const changed = await record(deps, batch, calm);
      if (changed.length > 0) deps.onChanged(changed);
    },
    deps.onError,
    gathering,
  );

  return {
    heard: (host, epoch, checkup) => checkups.heard(host, { epoch, checkup }),
    arrived: (host) => calm.delete(host),
    close: checkups.close,
  };
}

type Batch = ReadonlyMap<HostId, Heard>;

/** Returns the instances of which a check has failed or passes again. */
async function record(
  { database, clock, limits: readLimits }: RecorderDeps,
  batch: Batch,
  calm: Map<HostId, Calm>,
): Promise<readonly InstanceId[]> {
  const now = clock.now();
  const limits = readLimits();
  const hosts = [...batch.keys()];
  const open = openLooks(batch, calm, limits, now);
  const ids = [...open.keys()];
  const judge = (sql: Sql) => judgeThese(sql, { ids, hosts }, batch, limits, now);
  const next = ids.length > 0 ? await database.transaction(judge, byKey) : [];
  const changed = next.filter(isChanged);
  const first = await saveFirstChecks(database, changed.filter(isFirst).map(rowOf));
  const turns = changed.filter((item) => !isFirst(item));
  const turned = turns.length > 0 ? await write(database, turns, batch, limits, now) : [];
  await saveCheckups(database, hosts, now);
  for (const item of next) {
    const [{ id, host }, text] = [item.one, open.get(item.one.id)];
    const isRecorded = !isChanged(item) || first.has(id);
    if (host && text !== undefined && isRecorded) calm.get(host)?.looks.set(id, text);
  }
  return turned;
}

/** The machines that have to be judged, with what they are to be known by if nothing about them has changed. */
function openLooks(
  batch: Batch,
  calm: Map<HostId, Calm>,
  limits: Limits,
  now: Instant,
): ReadonlyMap<InstanceId, string | undefined> {
  const open = new Map<InstanceId, string | undefined>();
  for (const [host, { epoch, checkup }] of batch) {
    const common = calmnessOfHost(checkup, epoch, limits);
    const before = calm.get(host);
    const isStill = before && before.until > now && before.common === common;
    const known = isStill ? before : { common, until: now + calmFor, looks: new Map() };
    const looks = new Map<InstanceId, string>();
    for (const look of checkup.machines) {
      const text = common === undefined ? undefined : calmnessOf(look, limits);
      if (text !== undefined && known.looks.get(look.instance) === text)
        looks.set(look.instance, text);
      else open.set(look.instance, text);
    }
    calm.set(host, { ...known, looks });
  }
  return open;
}

interface Judged {
  readonly one: Watched;
  readonly checks: Checks;
}

const isChanged = ({ one, checks }: Judged) => !isSame(one.known, checks);

/**
 * Of its launch nothing is recorded, and nothing is wrong with it: nothing that another manager may have written meanwhile
 * could be made worse by it, so nobody has to be held to write that.
 */
const isFirst = ({ one, checks }: Judged) =>
  one.known === undefined && checkNames.every((name) => checks[name].failures === 0);

async function judgeThese(
  sql: Sql,
  which: Parameters<typeof loadWatched>[1],
  batch: Batch,
  limits: Limits,
  now: Instant,
): Promise<readonly Judged[]> {
  const watched = await loadWatched(sql, which, now);
  return watched.flatMap((one) => {
    const look = one.host && findLook(batch.get(one.host), one);
    return look ? [{ one, checks: judged(one, look, batch, limits, now) }] : [];
  });
}

/** Another manager may be writing about the same, if a host has just changed over: so held, and judged again. */
function write(
  database: Database,
  candidates: readonly Judged[],
  batch: Batch,
  limits: Limits,
  now: Instant,
): Promise<readonly InstanceId[]> {
  return database.transaction(async (sql) => {
    const ids = candidates.map(({ one }) => one.id);
    await sql.query(
      "select from instance_check where instance_id = any($1) order by instance_id for update",
      [ids],
    );
    const next = await judgeThese(sql, { ids, hosts: [...batch.keys()] }, batch, limits, now);
    const changed = next.filter(isChanged);
    const turned = changed.flatMap(({ one, checks }) => turns(one, checks, now));
    await saveChecks(sql, changed.map(rowOf));
    await appendJournal(sql, turned);
    return [...new Set(turned.map(({ subject }) => subject as InstanceId))]; // Journal rows hold plain text.
  }, byKey);
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
  return advance(known, verdictsOf(sight), limits, now);
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
