/**
 * One pass: everything that is waiting, in one transaction.
 *
 * New instances, people's orders, reports from hosts and timers all end up here, together, so that a
 * thousand of them cost a handful of statements. What a pass has read it holds locked, what it decides
 * it writes with its journal, and what it tells hosts it tells them after the commit. A crash anywhere
 * before that is as if nothing had been asked.
 */
import type { MachineReport, VolumeReport } from "@holdfast/cloud/hosts";
import { countOutcomes, insertJobs, type NewJob, type Outcome } from "@holdfast/cloud/jobs/edge";
import type { Choice, Claim, Placer, Want } from "@holdfast/cloud/placement/edge";
import type { HostId, InstanceId, JobId } from "@holdfast/kernel/ids";
import { type Problem, viewOf } from "@holdfast/kernel/problem";
import { type Instant, iso, after as later, milliseconds } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import { type Order, obey } from "../core/command.ts";
import type { Instance, Patience, World } from "../core/model.ts";
import { heard } from "../core/report.ts";
import { type Settled, settle } from "../core/settle.ts";
import { type Entry, placed, unplaced } from "../core/transition.ts";
import { type Birth, insertVolumes } from "./births.ts";
import {
  insertInstances,
  updateInstances,
  type WrittenIncarnation,
  writeIncarnations,
} from "./rows.ts";
import { writeVolumes } from "./volumes.ts";
import { type Loaded, loadWorlds } from "./worlds.ts";

/** What a pass is given. */
export interface Work {
  readonly births: readonly Birth[];
  readonly orders: readonly Asked[];
  readonly reports: readonly HostReport[];
  readonly volumes: readonly VolumeReport[];
  /** Instances to look at for whatever reason. */
  readonly looks: readonly InstanceId[];
  /** Also take what is due, at most this many. */
  readonly due: number;
}

export interface Asked {
  readonly instance: InstanceId;
  readonly order: Order;
  readonly job: NewJob;
  readonly actor: string;
}

export interface HostReport {
  readonly host: HostId;
  readonly epoch: number;
  readonly report: MachineReport;
}

/** What a pass has done. */
export interface Done {
  /** Orders that were refused, by their job. */
  readonly refused: ReadonlyMap<JobId, Problem>;
  /** Instances whose wish has changed, by the host that should hear of it. */
  readonly wishes: ReadonlyMap<HostId, readonly InstanceId[]>;
  /** Reports that are in the database, and may be forgotten by the host. */
  readonly recorded: readonly HostReport[];
  readonly jobs: readonly JobId[];
  /** Instances that want another look at once. */
  readonly again: readonly InstanceId[];
  /** How many were taken because they were due. */
  readonly due: number;
}

export interface PassDeps {
  readonly database: Database;
  readonly placer: Placer;
  readonly patience: () => Patience;
  readonly now: () => Instant;
  readonly self: string;
}

/** An instance on its way through a pass. */
interface Case {
  readonly before: Loaded;
  readonly isNew: boolean;
  settled: Settled;
  epoch: number;
  actor: string;
  evidence: unknown;
  isReported: boolean;
}

export async function pass(deps: PassDeps, work: Work): Promise<Done> {
  let session: ReturnType<Placer["session"]> | undefined;
  try {
    const done = await deps.database.transaction(async (sql) => {
      session?.abandoned(); // A transaction that is run again begins with a fresh picture.
      session = deps.placer.session(sql);
      return run(deps, work, sql, session);
    });
    session?.committed();
    return done;
  } catch (error) {
    session?.abandoned();
    throw error;
  }
}

async function run(
  { patience: readPatience, now: readNow, self }: PassDeps,
  work: Work,
  sql: Sql,
  session: ReturnType<Placer["session"]>,
): Promise<Done> {
  const now = readNow();
  const patience = readPatience();
  const outcomes: Outcome[] = [];
  const refused = new Map<JobId, Problem>();
  const cases = new Map<InstanceId, Case>();

  await writeVolumes(sql, work.volumes);
  for (const birth of work.births) {
    const before = { world: birth.world(patience, now), ...unborn };
    cases.set(birth.instance, begin(before, true, birth.job.actor));
  }
  const named = [
    ...new Set([
      ...work.looks,
      ...work.orders.map(({ instance }) => instance),
      ...work.reports.map(({ report }) => report.instance),
    ]),
  ];
  const loaded = named.length > 0 ? await loadWorlds(sql, { ids: named }, patience, now) : [];
  const due =
    work.due > 0 ? await loadWorlds(sql, { dueBy: now, limit: work.due }, patience, now) : [];
  for (const before of [...loaded, ...due])
    if (!cases.has(before.world.instance.id))
      cases.set(before.world.instance.id, begin(before, false, "holdfast"));

  for (const item of work.reports) learn(cases.get(item.report.instance), item);
  for (const asked of work.orders) order(asked, cases.get(asked.instance), outcomes, refused);
  for (const item of cases.values()) item.settled = settle(item.settled.world, item.settled);

  const choices = await session.place(wantsOf(cases));
  for (const [id, choice] of choices) take(cases.get(id), choice);

  const jobs = [
    ...work.births.map(({ job }) => job),
    ...work.orders.map(({ job }) => job).filter(({ id }) => !refused.has(id)),
  ];
  for (const item of cases.values()) outcomes.push(...outcomesOf(item));
  await write(sql, session, cases, work.births, jobs, now);
  await countOutcomes(sql, outcomes, now);

  const wishes = wishesOf(cases);
  const touchedJobs = [...new Set(outcomes.map(({ job }) => job))];
  if (wishes.size > 0 || touchedJobs.length > 0)
    await announce(sql, {
      from: self,
      wishes: [...wishes.keys()],
      jobs: touchedJobs,
      hosts: [...wishes.keys()],
    });
  return {
    refused,
    wishes,
    recorded: work.reports,
    jobs: touchedJobs,
    again: [...choices].filter(([, choice]) => choice === "contended").map(([id]) => id),
    due: due.length,
  };
}

const unborn = { hostEpoch: 0, volumeHost: undefined, volumeState: "allocated" };

function begin(before: Loaded, isNew: boolean, actor: string): Case {
  const settled: Settled = {
    world: before.world,
    entries: [],
    finished: [],
    wantsPlace: false,
    lookAt: undefined,
  };
  const { hostEpoch } = before;
  return {
    before,
    isNew,
    settled,
    epoch: hostEpoch,
    actor,
    evidence: undefined,
    isReported: false,
  };
}

/** A report is a fact about one generation on one host of one epoch. Of any other it says nothing. */
function learn(item: Case | undefined, { host, epoch, report }: HostReport): void {
  if (!item) return;
  const { world } = item.settled;
  const known = world.incarnation;
  if (
    !known ||
    known.host !== host ||
    item.epoch !== epoch ||
    known.generation !== report.generation
  )
    return;
  if (known.phase === "exited") return;
  item.settled = { ...item.settled, world: { ...world, incarnation: heard(known, report) } };
  item.isReported = true;
  if (report.exit) item.evidence = report.exit;
}

function order(
  { order: given, job, actor }: Asked,
  item: Case | undefined,
  outcomes: Outcome[],
  refused: Map<JobId, Problem>,
): void {
  if (!item) return;
  const obeyed = obey(item.settled.world, given);
  if ("refused" in obeyed) {
    refused.set(job.id, obeyed.refused);
    return;
  }
  if (obeyed.superseded) outcomes.push({ job: obeyed.superseded.id, outcome: "cancelled" });
  const entries = [...item.settled.entries, ...obeyed.entries];
  item.settled = { ...item.settled, world: obeyed.world, entries };
  item.actor = actor;
}

function wantsOf(cases: ReadonlyMap<InstanceId, Case>): readonly Want[] {
  return [...cases.values()]
    .filter(({ settled }) => settled.wantsPlace)
    .map(({ settled, before }) => ({
      instance: settled.world.instance.id,
      request: requestOf(settled.world.instance, before.volumeHost),
    }));
}

function requestOf(instance: Instance, volumeHost: HostId | undefined): Want["request"] {
  const { cpus, memoryMiB, zone, hostTags, antiAffinityGroup, avoidHosts, project } = instance;
  return {
    cpus,
    memoryMiB,
    tags: hostTags,
    avoidHosts,
    ...(zone ? { zone } : {}),
    ...(antiAffinityGroup ? { antiAffinityGroup: `${project}/${antiAffinityGroup}` } : {}),
    // A volume on a host's own disk goes nowhere: its instance starts where it lies.
    ...(volumeHost ? { onlyHosts: [volumeHost] } : {}),
  };
}

function take(item: Case | undefined, choice: Choice): void {
  if (!item) return;
  const { settled } = item;
  if (choice === "contended") {
    item.settled = { ...settled, lookAt: later(settled.world.now, milliseconds(20)) };
    return;
  }
  const { world, entry } =
    "host" in choice
      ? placed(settled.world, choice.host)
      : unplaced(settled.world, {
          class: "insufficient-capacity",
          says: choice.refused.message,
          at: settled.world.now,
          problem: viewOf(choice.refused),
        });
  if ("host" in choice) item.epoch = choice.epoch;
  const next = settle(world, {
    ...settled,
    entries: entry ? [...settled.entries, entry] : settled.entries,
  });
  item.settled = next;
}

function outcomesOf({ settled }: Case): readonly Outcome[] {
  return settled.finished.map(({ job, outcome }) => ({
    job: job.id,
    outcome,
    problem: outcome === "failed" ? problemOf(settled.world) : undefined,
  }));
}

function problemOf({ instance: { cause, name } }: World): Outcome["problem"] {
  if (cause?.problem) return cause.problem;
  const message = cause?.says ?? "It did not get where it was asked to.";
  return {
    kind: "unavailable",
    code: "instance_failed",
    message,
    fix: `See why: holdfast show ${name}`,
  };
}

async function write(
  sql: Sql,
  session: ReturnType<Placer["session"]>,
  cases: ReadonlyMap<InstanceId, Case>,
  births: readonly Birth[],
  jobs: readonly NewJob[],
  now: Instant,
): Promise<void> {
  const all = [...cases.values()];
  const versioned = ({ settled, before }: Case) => ({
    instance: { ...settled.world.instance, version: before.world.instance.version + 1 },
    lookAt: settled.lookAt,
  });
  await insertJobs(sql, jobs);
  await insertVolumes(sql, births, now);
  const born = all.filter(({ isNew }) => isNew);
  if (born.length > 0) await insertInstances(sql, born.map(versioned));
  await updateInstances(sql, all.filter((item) => !item.isNew && isTouched(item)).map(versioned));
  await rest(
    sql,
    all.filter((item) => !item.isNew && !isTouched(item)),
  );
  await writeIncarnations(sql, all.flatMap(incarnationOf));
  await writeVolumes(sql, all.flatMap(volumeOf));
  await appendJournal(sql, all.flatMap(journalOf));
  await session.release(all.flatMap(claimsOf));
}

const isTouched = ({ before, settled }: Case) => before.world.instance !== settled.world.instance;

/** Nothing to change, only when to look again. */
async function rest(sql: Sql, items: readonly Case[]): Promise<void> {
  if (items.length === 0) return;
  await sql.query(
    `update instance i set look_at = d.at from unnest($1::uuid[], $2::timestamptz[]) d (id, at)
     where i.id = d.id and i.look_at is distinct from d.at`,
    [
      items.map(({ settled }) => settled.world.instance.id),
      items.map(({ settled }) => (settled.lookAt === undefined ? null : iso(settled.lookAt))),
    ],
  );
}

function incarnationOf({
  before,
  settled,
  epoch,
  evidence,
  isReported,
}: Case): WrittenIncarnation[] {
  const { incarnation, instance, now } = settled.world;
  const isAsked = incarnation?.generation !== before.world.incarnation?.generation;
  if (!incarnation || !(isAsked || isReported)) return [];
  const written = { instance: instance.id, epoch, incarnation, at: now };
  return [evidence === undefined ? written : { ...written, evidence }];
}

/** The root volume follows its instance: made where that first starts, kept, deleted with it. */
function volumeOf({ before, settled }: Case): Parameters<typeof writeVolumes>[1][number][] {
  const { instance } = settled.world;
  const { volume, home, state } = instance;
  const was = before.world.instance.state;
  if (home && before.volumeHost === undefined) return [{ volume, is: "placed", host: home }];
  if (state === was) return [];
  if (state === "destroyed") return [{ volume, is: "kept" }];
  if (was === "destroyed" && state === "stopped") return [{ volume, is: "taken-back" }];
  if (state === "expunging") return [{ volume, is: "unwanted" }];
  return [];
}

function journalOf({ settled, actor }: Case): JournalRow[] {
  const { instance, now } = settled.world;
  return settled.entries.map((entry: Entry) => ({
    at: now,
    kind: "instance",
    subject: instance.id,
    event: entry.event,
    from: entry.from,
    to: entry.to,
    generation: instance.generation,
    actor: entry.event.startsWith("command-") || entry.event === "created" ? actor : "holdfast",
    requestId: instance.requestId,
    job: instance.job?.id,
    detail: entry.cause,
  }));
}

function claimsOf({ before, settled }: Case): Claim[] {
  const was = before.world.instance;
  if (!was.home || settled.world.instance.home === was.home) return [];
  const { home: host, cpus, memoryMiB, antiAffinityGroup, project } = was;
  const group = antiAffinityGroup && `${project}/${antiAffinityGroup}`;
  return [{ host, cpus: -cpus, memoryMiB: -memoryMiB, group }];
}

/** Whoever has it, and whoever has just had it. */
function wishesOf(cases: ReadonlyMap<InstanceId, Case>): Map<HostId, InstanceId[]> {
  const wishes = new Map<HostId, InstanceId[]>();
  const tell = (host: HostId | undefined, id: InstanceId) => {
    if (host) wishes.set(host, [...(wishes.get(host) ?? []), id]);
  };
  for (const [id, item] of cases) {
    if (!isTouched(item)) continue;
    const { home, state } = item.settled.world.instance;
    tell(home, id);
    if (state === "expunging") tell(item.before.volumeHost, id);
  }
  return wishes;
}
