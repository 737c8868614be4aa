/**
 * One pass: everything that is waiting, in one transaction.
 *
 * New instances, people's orders, reports from hosts and timers all end up here, together, so that a
 * thousand of them cost a handful of statements. What a pass has read it holds locked, what it decides
 * it writes with its journal, and what it tells hosts it tells them after the commit. A crash anywhere
 * before that is as if nothing had been asked.
 */
import { amendDeaths, certify } from "@holdfast/cloud/deaths/edge";
import type { Seen } from "@holdfast/cloud/hosts";
import type { ManifestSource } from "@holdfast/cloud/images/edge";
import { forgetJobs, type Outcome } from "@holdfast/cloud/jobs/edge";
import { allotNics } from "@holdfast/cloud/networks/edge";
import {
  type Asking,
  type Choice,
  isContended,
  type PlacementSession,
  type Placer,
  type Want,
} from "@holdfast/cloud/placement/edge";
import { fitting, holdQuotas } from "@holdfast/cloud/quotas/edge";
import { grouped } from "@holdfast/kernel/grouped";
import type { HostId, InstanceId, JobId } from "@holdfast/kernel/ids";
import { type Problem, type ProblemView, problem, viewOf } from "@holdfast/kernel/problem";
import { after, earlier, type Instant, milliseconds } from "@holdfast/kernel/time";
import { byKey, type Database, type Sql, type Transaction } from "@holdfast/store/database";
import { announce } from "@holdfast/store/news";
import { obey } from "../core/command.ts";
import { openMigration } from "../core/migration.ts";
import type { Incarnation, Migration, Patience, World } from "../core/model.ts";
import { heard } from "../core/report.ts";
import { requestOf } from "../core/request.ts";
import { placed, unplaced } from "../core/transition.ts";
import { beginJobs, shareFates } from "./begun-jobs.ts";
import { type Birth, projectOf, sizeOf } from "./births.ts";
import { inBreaths } from "./breath.ts";
import { begin, type Case, conclude, unborn } from "./case.ts";
import { putRight } from "./due.ts";
import { departuresOf, endsOf, lateOf } from "./endings.ts";
import { type HostOrders, imagesOf, ordersOf } from "./host-orders.ts";
import { writeDepartures, writeLeftovers } from "./migration-rows.ts";
import { depart, type MoveDefaults, type MoveWants, moveWants } from "./moves.ts";
import { onlyDisk, writePlain } from "./seen.ts";
import { type Stirs, stirsOf } from "./stirs.ts";
import { writeVolumes } from "./volumes.ts";
import type { Asked, HostReport, Work } from "./work.ts";
import { loadDue, loadWorlds } from "./worlds.ts";
import { write } from "./write.ts";

/** What a pass has done. */
export interface Done {
  /** Orders and new instances that were refused, by their job. */
  readonly refused: ReadonlyMap<JobId, Problem>;
  /** Orders for which another manager was faster; they have to be tried again. */
  readonly contended: ReadonlySet<JobId>;
  /** What hosts should hear now. */
  readonly orders: ReadonlyMap<HostId, HostOrders>;
  /** What was seen to run, for its hosts to know; before the orders. */
  readonly seen: ReadonlyMap<HostId, readonly Seen[]>;
  /** Reports that say something of disks that is not known yet. */
  readonly odd: readonly HostReport[];
  readonly jobs: readonly JobId[];
  /** Instances that want another look at once. */
  readonly again: readonly InstanceId[];
  /** How many were taken because they were due. */
  readonly due: number;
  /** The first moment that was written at which one of them is to be looked at. */
  readonly nextLook: Instant | undefined;
  readonly stirs: Stirs;
}

export interface PassDeps {
  readonly database: Database;
  readonly placer: Placer;
  readonly images: ManifestSource;
  readonly patience: () => Patience;
  readonly moves: () => MoveDefaults;
  readonly now: () => Instant;
  readonly self: string;
}

/** A pass for no more than this is soon done again. */
const few = 8;

/** Nearly always there is the room that was seen in memory. Where there is not, a small pass is as if it had not begun. */
export async function pass(deps: PassDeps, work: Work): Promise<Done> {
  const { births, orders, reports, looks, due } = work;
  const isSmall = births.length + orders.length + reports.length + looks.length + due <= few;
  if (!isSmall) return passAsking("before", deps, work);
  return passAsking("meanwhile", deps, work).catch((error: unknown) => {
    if (!isContended(error)) throw error;
    return passAsking("before", deps, work);
  });
}

async function passAsking(asking: Asking, deps: PassDeps, work: Work): Promise<Done> {
  let session: PlacementSession | undefined;
  try {
    const done = await deps.database.transaction(async (sql) => {
      session?.abandoned(); // A transaction that is run again begins with a fresh picture.
      session = deps.placer.session(sql, asking);
      return run(deps, work, sql, session);
    }, byKey);
    session?.committed();
    return done;
  } catch (error) {
    session?.abandoned();
    throw error;
  }
}

async function run(
  { patience: readPatience, now: readNow, images, self, moves }: PassDeps,
  given: Work,
  sql: Transaction,
  session: PlacementSession,
): Promise<Done> {
  const refused = new Map<JobId, Problem>();
  const now = readNow();
  const patience = readPatience();
  const contended = new Set<JobId>();
  const cases = new Map<InstanceId, Case>();

  const projects = [...new Set(given.births.map(({ seed }) => seed.project))];
  // Sent together and carried out in this order. Jobs first of all: who begins something under the same key elsewhere is
  // waited for with nothing in hand. What turns out to be a repeat is left out of what the others have found.
  const [{ work, repeats }, limits, released, , allotted, plain] = await Promise.all([
    beginJobs(sql, given, refused),
    holdQuotas(sql, projects),
    writeVolumes(sql, given.volumes),
    writeLeftovers(sql, given.volumes),
    allotNics(sql, given.births),
    writePlain(sql, given.reports, now),
  ]);
  const births = await withinQuotas(sql, work.births, limits, refused);
  const outcomes: Outcome[] = [...plain.outcomes];
  const reports = work.reports.filter((report) => !plain.written.has(report));
  const born = new Set(births.map(({ instance }) => instance));
  const nics = allotted.filter(({ instance }) => born.has(instance));
  const nicsOf = grouped(nics, ({ instance }) => instance);
  await inBreaths(births, (birth) => {
    const before = {
      ...unborn,
      world: birth.world(patience, now),
      pool: birth.pool,
      disks: birth.disks,
      station: birth.station,
      nics: nicsOf.get(birth.instance) ?? [],
    };
    cases.set(birth.instance, begin(before, true, birth.job.actor));
  });
  const named = [
    ...new Set([
      ...work.looks,
      ...released,
      ...work.orders.map(({ instance }) => instance),
      ...reports.map(({ report }) => report.instance),
    ]),
  ];
  const loaded = named.length > 0 ? await loadWorlds(sql, named, patience, now) : [];
  const due = work.due > 0 ? await loadDue(sql, work.due, patience, now) : { worlds: [], found: 0 };
  for (const before of [...loaded, ...due.worlds])
    if (!cases.has(before.world.instance.id))
      cases.set(before.world.instance.id, begin(before, false, "holdfast"));

  for (const item of reports) learn(cases.get(item.report.instance), item);
  for (const asked of work.orders) order(asked, cases.get(asked.instance), outcomes, refused);
  await inBreaths(cases.values(), conclude);
  // Before any of them is placed anew: the inquest is into the process that has ended.
  for (const [id, death] of await certify(sql, endsOf(cases.values()))) {
    const item = cases.get(id);
    if (item) item.death = death;
  }

  for (const item of [...cases.values()].filter(isJustOver)) {
    if (item.move) contended.add(item.move.job.id);
    item.move = undefined;
  }
  const wanted = await moveWants(sql, cases.values());
  for (const [id, want] of wanted)
    if ("refused" in want) refuse(cases.get(id), want.refused, refused);
  const leaving = [...cases.values()].filter(isLeaving);
  for (const item of leaving) take(item, "contended");
  const choices = await session.place(wantsOf(cases, wanted));
  await inBreaths(choices, ([id, choice]) => {
    const item = cases.get(id);
    if (!item?.move) take(item, choice);
    else if (choice === "contended") contended.add(item.move.job.id);
    else if ("refused" in choice) refuse(item, choice.refused, refused);
    else depart(item, item.move, choice, moves());
  });

  shareFates(repeats, refused, contended);
  for (const item of cases.values()) outcomes.push(...outcomesOf(item));
  const left = await writeDepartures(sql, departuresOf(reports, cases), now);
  const manifests = await images.manifests(sql, imagesOf(cases.values()));
  const orders = ordersOf(cases.values(), manifests, left);
  const touchedJobs = [...new Set(outcomes.map(({ job }) => job))];
  const hosts = [...orders.keys()];
  const news = { from: self, wishes: hosts, hosts, jobs: touchedJobs };
  const again = [
    ...leaving.map(({ settled }) => settled.world.instance.id),
    ...[...choices]
      .filter(([id, choice]) => choice === "contended" && !cases.get(id)?.move)
      .map(([id]) => id),
  ];
  await write(sql, session, [...cases.values()], { births, nics, outcomes }, now);
  await amendDeaths(sql, lateOf(reports, cases), now);
  const taken = due.worlds.map(({ world }) => world.instance.id);
  if (taken.length > 0) sql.last(putRight(sql, taken));
  sql.last(forgetJobs(sql, [...refused.keys(), ...contended]));
  if (hosts.length + touchedJobs.length > 0) sql.last(announce(sql, news));
  const risen = [...cases.values()].filter(hasRisen);
  const up = [...plain.up, ...risen.map(({ settled }) => settled.world.instance.id)];
  sql.last(dependentsOf(sql, up).then((freed) => again.push(...freed)));
  return {
    refused,
    contended,
    orders,
    seen: plain.seen,
    odd: [...plain.odd, ...reports.filter((one) => isOdd(one, cases))],
    jobs: touchedJobs,
    again,
    due: due.found,
    nextLook: [...cases.values()].map(newLook).reduce(earlier, undefined),
    stirs: stirsOf(cases.values()),
  };
}

/** Without those of requests for which there is no room in the quota of their project; all of a request, or none. */
async function withinQuotas(
  sql: Sql,
  births: readonly Birth[],
  limits: Awaited<ReturnType<typeof holdQuotas>>,
  refused: Map<JobId, Problem>,
): Promise<readonly Birth[]> {
  if (births.length === 0) return births;
  const byJob = grouped(births, ({ job }) => job.id);
  const asked = [...byJob].map(([item, of]) => ({
    item,
    project: projectOf(of),
    wanted: sizeOf(of),
  }));
  const outside = await fitting(sql, asked, limits);
  for (const [job, why] of outside) refused.set(job, why);
  return outside.size === 0 ? births : births.filter(({ job }) => !outside.has(job.id));
}

/**
 * A report is a fact about one generation on one host of one epoch. Of any other it says nothing, but for an
 * end: a generation is launched once, so whoever had it and saw it end is believed whenever he says so.
 */
export function learn(item: Case | undefined, { host, epoch, report }: HostReport): void {
  if (!item) return;
  const { world } = item.settled;
  const migration = openMigration(world);
  const isArrival = migration?.arrival.generation === report.generation;
  const known = isArrival ? migration.arrival : world.incarnation;
  const knownEpoch = isArrival ? item.arrivalEpoch : item.epoch;
  if (
    !known ||
    known.host !== host ||
    (knownEpoch !== epoch && !report.exit) ||
    known.generation !== report.generation
  )
    return;
  if (known.phase === "exited") return;
  const incarnation = heard(known, report, world.instance, world.errand);
  if (!isArrival && isKnown(known, incarnation)) return;
  item.written.set(known.generation, {
    incarnation,
    epoch: knownEpoch,
    ...(report.exit ? { evidence: report.exit } : {}),
  });
  const told: World = isArrival
    ? withArrival(world, { ...migration, arrival: incarnation }, report.relay)
    : { ...world, incarnation };
  item.settled = { ...item.settled, world: told };
}

/** Whether what it says of disks has to be looked at: that there is the root volume, as it should be, is known. */
function isOdd({ report }: HostReport, cases: ReadonlyMap<InstanceId, Case>): boolean {
  if (!report.disks) return false;
  const { soleDisk } = cases.get(report.instance)?.before ?? {};
  const disk = onlyDisk(report.disks);
  return !disk || disk.volume !== soleDisk?.volume || disk.bytes !== soleDisk.bytes;
}

/** Said again, it would be one more version of the row. */
const isKnown = (known: Incarnation, told: Incarnation) =>
  told.phase === known.phase &&
  told.guest === known.guest &&
  told.reboots === known.reboots &&
  !told.ending;

/** Its agent may have begun anew, and be reached at another port: then the source has to hear of that. */
function withArrival(world: World, migration: Migration, relay: string | undefined): World {
  if (!relay || relay === migration.relay) return { ...world, migration };
  return { ...world, instance: { ...world.instance }, migration: { ...migration, relay } };
}

export function order(
  { order: given, job, actor }: Asked,
  item: Case | undefined,
  outcomes: Outcome[],
  refused: Map<JobId, Problem>,
): void {
  if (!item) return;
  if (given.verb === "migrate") {
    // One at a time. The second finds it on its way.
    if (item.move) refused.set(job.id, alreadyMoving(item.settled.world));
    else item.move = given.move;
    item.actor = actor;
    return;
  }
  const obeyed = obey(item.settled.world, given);
  if ("refused" in obeyed) {
    refused.set(job.id, obeyed.refused);
    return;
  }
  if (obeyed.isDone) outcomes.push({ job: job.id, outcome: "succeeded" });
  if (obeyed.superseded) outcomes.push({ job: obeyed.superseded.id, outcome: "cancelled" });
  const entries = [...item.settled.entries, ...obeyed.entries];
  item.settled = { ...item.settled, world: obeyed.world, entries };
  item.actor = actor;
}

/** Where not all find room, those of the highest priority do. */
function wantsOf(cases: ReadonlyMap<InstanceId, Case>, moves: MoveWants): readonly Want[] {
  const starts = [...cases.values()]
    .filter((item) => item.settled.wantsPlace && !isLeaving(item) && !item.move)
    .sort((a, b) => b.settled.world.instance.priority - a.settled.world.instance.priority)
    .map(({ settled, before }) => ({
      instance: settled.world.instance.id,
      request: requestOf(settled.world.instance, before),
    }));
  // What does not run comes before what does.
  const moving = [...moves].flatMap(([instance, request]) =>
    "refused" in request ? [] : [{ instance, request }],
  );
  return [...starts, ...moving];
}

/** It stays, and is what it would be if nobody had asked. */
function refuse(item: Case | undefined, why: Problem, refused: Map<JobId, Problem>): void {
  if (!item?.move) return;
  refused.set(item.move.job.id, why);
  item.move = undefined;
}

/** A move of it has ended in this pass, which writes that down: the next can begin in another. */
const isJustOver = ({ before, settled, move }: Case) =>
  move !== undefined && openMigration(before.world) !== undefined && !openMigration(settled.world);

/**
 * What it had is given back with this pass; only then may it be placed again, on a full host too. Not so on a host that
 * was proven dead: what is given back there helps nobody, and all of its guests are waiting, but for those that start after others.
 */
const isLeaving = ({ before, settled }: Case) =>
  settled.wantsPlace &&
  before.world.instance.home !== undefined &&
  (!before.world.fence || before.hasDependencies);

function take(item: Case | undefined, choice: Choice): void {
  if (!item) return;
  const { settled, before } = item;
  if (choice === "contended") {
    item.settled = { ...settled, lookAt: after(settled.world.now, milliseconds(20)) };
    return;
  }
  const { world, entry } =
    "host" in choice
      ? placed(settled.world, choice.host)
      : unplaced(settled.world, {
          class: "insufficient-capacity",
          says: choice.refused.message,
          at: settled.world.now,
          problem: briefly(viewOf(choice.refused)),
        });
  if ("host" in choice) {
    item.epoch = choice.epoch;
    const { incarnation } = world;
    if (incarnation) item.written.set(incarnation.generation, { incarnation, epoch: choice.epoch });
  }
  // Rows have the generation of the end of the pass; what was said of the process before this one is of that.
  const { home, generation } = before.world.instance;
  const past = home ? settled.entries.map((one) => ({ ...one, generation })) : settled.entries;
  const entries = entry ? [...past, entry] : past;
  item.settled = { ...settled, world, entries };
  conclude(item);
}

const newLook = ({ before, settled: { lookAt } }: Case) =>
  lookAt === before.lookAt ? undefined : lookAt;

const hasRisen = ({ before, settled: { world } }: Case) =>
  !before.wasUp && world.incarnation?.guest === "up";

/** Those who wait for what has just come up. */
async function dependentsOf(
  sql: Sql,
  risen: readonly InstanceId[],
): Promise<readonly InstanceId[]> {
  if (risen.length === 0) return [];
  const rows = await sql.query<{ id: InstanceId }>(
    `select id from instance where depends_on <> '{}' and depends_on && $1
       and state = 'stopped' and desired = 'running'`,
    [risen],
  );
  return rows.map(({ id }) => id);
}

/** In a large fleet the verdict of every host is megabytes; the first of them tell the story. */
function briefly(view: ProblemView): ProblemView {
  const hosts = view.facts?.hosts;
  return Array.isArray(hosts)
    ? { ...view, facts: { ...view.facts, hosts: hosts.slice(0, 32) } }
    : view;
}

function outcomesOf({ settled }: Case): readonly Outcome[] {
  return settled.finished.map(({ job, outcome }) => ({
    job: job.id,
    outcome,
    problem: outcome === "failed" ? problemOf(settled.world) : undefined,
  }));
}

function problemOf({ instance: { cause, name }, migration }: World): Outcome["problem"] {
  if (migration) return migrationProblem(name, migration);
  if (cause?.problem) return cause.problem;
  const message = cause?.says ?? "It did not get where it was asked to.";
  return {
    kind: "unavailable",
    code: "instance_failed",
    message,
    fix: `See why: holdfast show ${name}`,
  };
}

function migrationProblem(name: string, { problem, says, state }: Migration): Outcome["problem"] {
  if (problem) return problem;
  const fix = `See how far it got: holdfast migrations --instance ${name}`;
  if (state === "switched")
    return {
      kind: "conflict",
      code: "too_late",
      message: `It was too late to break it off: ${name} has moved.`,
      fix,
    };
  const message = `${name} was not moved: ${says ?? "it did not get done"}.`;
  return { kind: "unavailable", code: "migration_failed", message, fix };
}

const alreadyMoving = ({ instance: { name } }: World) =>
  problem("conflict", "not_in_this_state", `Somebody else has just asked to move ${name}.`, {
    fix: "It is on its way: holdfast migrations",
  });
