/**
 * Writing down what a pass has concluded: a handful of statements, whatever the number of instances.
 */
import { type Certified, type DeathDetail, insertDeaths } from "@holdfast/cloud/deaths/edge";
import { countOutcomes, type Outcome } from "@holdfast/cloud/jobs/edge";
import { insertNics, type NewNic, releaseNics } from "@holdfast/cloud/networks/edge";
import type { Claim, PlacementSession } from "@holdfast/cloud/placement/edge";
import { cancelActivities, insertDisks, releaseDisks } from "@holdfast/cloud/volumes/edge";
import type { HostId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql, Transaction } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { openMigration, stepped } from "../core/migration.ts";
import type { Cause, World } from "../core/model.ts";
import {
  type Birth,
  insertInstanceKeys,
  insertInstanceTags,
  insertPolicies,
  insertVolumeKeys,
  insertVolumes,
} from "./births.ts";
import { begunInBreaths } from "./breath.ts";
import { type Case, isDeparted, isTouched, leftoverOf, versionAfter } from "./case.ts";
import { isEnd } from "./endings.ts";
import { type WrittenMigration, writeMigrations } from "./migration-rows.ts";
import {
  insertInstances,
  updateInstances,
  type WrittenIncarnation,
  writeIncarnations,
} from "./rows.ts";
import { rehomeVolumes, writeVolumes } from "./volumes.ts";

/** What comes into being with this pass. */
export interface Born {
  readonly births: readonly Birth[];
  readonly nics: readonly NewNic[];
  readonly outcomes: readonly Outcome[];
}

export async function write(
  sql: Transaction,
  session: PlacementSession,
  all: readonly Case[],
  { births, nics, outcomes }: Born,
  now: Instant,
): Promise<void> {
  const versioned = (item: Case) => ({
    instance: { ...item.settled.world.instance, version: versionAfter(item) },
    lookAt: item.settled.lookAt,
  });
  const [born, known] = [all.filter(({ isNew }) => isNew), all.filter(({ isNew }) => !isNew)];
  /** For what is one statement and never more. */
  const lastly = async (asked: Promise<unknown>) => sql.last(asked);
  // Sent in this order: a row comes after those that it refers to.
  const gone = all.filter(isGone).map(idOf);
  const sent = [
    () => lastly(insertVolumeKeys(sql, births, now)),
    () => lastly(insertVolumes(sql, births, new Map(born.map(homeOf)), now)),
    () => lastly(insertInstances(sql, born.map(versioned))),
    () => insertNics(sql, nics),
    () => insertDisks(sql, births, now),
    () => lastly(insertInstanceKeys(sql, births)),
    () => lastly(insertInstanceTags(sql, births)),
    () => lastly(insertPolicies(sql, births)),
    () => releaseNics(sql, gone),
    () => releaseDisks(sql, gone),
    () => cancelActivities(sql, all.filter(isGivenUp).map(idOf)),
    () => lastly(updateInstances(sql, known.filter(isTouched).map(versioned))),
    () =>
      lastly(
        rest(
          sql,
          known.filter((item) => !isTouched(item) && item.settled.lookAt !== item.before.lookAt),
        ),
      ),
    () => lastly(writeIncarnations(sql, all.flatMap(incarnationsOf))),
    () => writeMigrations(sql, known.flatMap(migrationOf)),
    () => writeVolumes(sql, known.flatMap(volumeOf)),
    () => rehomeVolumes(sql, known.flatMap(movedVolumeOf)),
    () => lastly(appendJournal(sql, all.flatMap(journalOf))),
    () =>
      insertDeaths(
        sql,
        all.flatMap(({ death }) => death ?? []),
        now,
      ),
    () => session.release(all.flatMap(claimsOf)),
    () => lastly(countOutcomes(sql, outcomes, now)),
  ];
  await begunInBreaths(sent, all.length);
}

const isGone = ({ before, settled }: Case) =>
  settled.world.instance.state === "expunged" && before.world.instance.state !== "expunged";

/** Whatever was being done with its volumes is done for nobody any more. */
const isGivenUp = ({ before, settled }: Case) =>
  settled.world.underWay.length > 0 &&
  isEnded(settled.world.instance.state) &&
  !isEnded(before.world.instance.state);
const isEnded = (state: string) => state === "destroyed" || state === "expunging";

const idOf = ({ settled }: Case) => settled.world.instance.id;

/** Nothing to change, only when to look again. */
async function rest(sql: Sql, items: readonly Case[]): Promise<void> {
  if (items.length === 0) return;
  await sql.query(
    `update instance i set look_at = d.at from unnest($1::uuid[], $2::timestamptz[]) d (id, at)
     where i.id = d.id`,
    [
      items.map(({ settled }) => settled.world.instance.id),
      items.map(({ settled }) => (settled.lookAt === undefined ? null : iso(settled.lookAt))),
    ],
  );
}

const homeOf = ({ settled: { world } }: Case) =>
  [world.instance.volume, world.instance.home] as const;

function incarnationsOf({ written, settled }: Case): WrittenIncarnation[] {
  const { instance, now } = settled.world;
  return [...written.values()].map((one) => ({ instance: instance.id, at: now, ...one }));
}

/** What has become of a move. One whose source has ended already leaves nothing to wait for. */
function migrationOf(item: Case): WrittenMigration[] {
  const { before, settled, move, actor, arrivalEpoch } = item;
  const { instance, migration, now } = settled.world;
  if (!migration || migration === before.world.migration) return [];
  const was = before.world.instance;
  return [
    {
      instance: instance.id,
      migration: isDeparted(item) ? stepped(migration, "departed") : migration,
      fromEpoch: before.hostEpoch,
      fromGeneration: was.generation,
      toEpoch: arrivalEpoch,
      why: move?.why ?? "",
      actor,
      job: instance.job?.id,
      leftover: leftoverOf(item),
      at: now,
    },
  ];
}

function movedVolumeOf({ before, settled }: Case): Parameters<typeof rehomeVolumes>[1][number][] {
  const { migration, instance } = settled.world;
  if (before.pool !== "local" || migration?.state !== "switched") return [];
  return [{ volume: instance.volume, host: migration.arrival.host }];
}

/** The root volume follows its instance: made where that first starts, kept, deleted with it. */
function volumeOf({ before, settled }: Case): Parameters<typeof writeVolumes>[1][number][] {
  const { instance } = settled.world;
  const { volume, home, state } = instance;
  const was = before.world.instance.state;
  if (home && before.volumeHost === undefined) return [{ volume, is: "placed", host: home }];
  // Its host says so once; where that was lost, the machine that runs on it is as good a word.
  if (before.isVolumeAwaited && state === "running" && home)
    return [{ volume, is: "ready", host: home }];
  if (state === was) return [];
  if (state === "destroyed") return [{ volume, is: "kept" }];
  if (was === "destroyed" && state === "stopped") return [{ volume, is: "taken-back" }];
  // One that was never placed goes all the way in one pass.
  const isUnwanted = state === "expunging" || (state === "expunged" && was !== "expunging");
  if (isUnwanted) return [{ volume, is: "unwanted" }];
  return [];
}

function journalOf({ settled, actor, death }: Case): JournalRow[] {
  const { instance, now } = settled.world;
  return settled.entries.map((entry) => ({
    at: now,
    kind: "instance",
    subject: instance.id,
    event: entry.event,
    from: entry.from,
    to: entry.to,
    generation: entry.generation ?? instance.generation,
    actor: entry.event.startsWith("command-") || entry.event === "created" ? actor : "holdfast",
    requestId: instance.requestId,
    job: entry.job,
    detail: death && isEnd(entry.event) ? detailOf(death, entry.cause) : entry.cause,
  }));
}

/** The cause, and what it rests on: a timeline without evidence is an opinion. */
function detailOf({ dossier: { detail } }: Certified, cause: Cause | undefined) {
  if (!cause?.problem) return detail;
  const beside: Required<Omit<Cause, keyof DeathDetail>> = { problem: cause.problem };
  return { ...beside, ...detail };
}

/** What is given back: every host that held room for it and does not any more. */
function claimsOf({ before, settled }: Case): Claim[] {
  const { cpus, memoryMiB, antiAffinityGroup, project } = before.world.instance;
  const group = antiAffinityGroup && `${project}/${antiAffinityGroup}`;
  // Placed within this very pass, it has room of its own there, also where it had some before.
  const isPlaced = settled.world.instance.generation > before.world.instance.lastGeneration;
  const still = isPlaced ? [] : hostsOf(settled.world);
  return hostsOf(before.world)
    .filter((host) => !still.includes(host))
    .map((host) => ({ host, cpus: -cpus, memoryMiB: -memoryMiB, group }));
}

/** Home, and where it is on its way to: never the same. */
function hostsOf(world: World): readonly HostId[] {
  const { home } = world.instance;
  const arrival = openMigration(world)?.arrival.host;
  return [...(home ? [home] : []), ...(arrival ? [arrival] : [])];
}
