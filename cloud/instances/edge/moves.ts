/**
 * Orders to move, within a pass: which hosts could be the destination, and what is written when there is one.
 *
 * A move is refused here and now or it begins: nobody waits in a queue for a host. The room on the
 * destination is taken in the same transaction, so two managers cannot promise it twice.
 */
import type { PlacementRequest } from "@holdfast/cloud/placement";
import { judge, localPool, type UnderWay } from "@holdfast/cloud/volumes";
import { type GivenTask, givenTasksOf, localSnapshotsOf } from "@holdfast/cloud/volumes/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { type Problem, problem } from "@holdfast/kernel/problem";
import type { Sql } from "@holdfast/store/database";
import { noteMove, refuseMove } from "../core/command.ts";
import { type Candidate, staysFor, unsuitable } from "../core/destinations.ts";
import { type MovePatience, patienceOf } from "../core/migration.ts";
import type { Instance, MigrationTerms } from "../core/model.ts";
import { requestOf } from "../core/request.ts";
import { departing } from "../core/transition.ts";
import { type Case, conclude } from "./case.ts";
import type { MoveAsked } from "./work.ts";

/** What a manager goes by where nobody has said. */
export interface MoveDefaults {
  readonly patience: MovePatience;
  readonly bytesPerSecond: number | undefined;
  readonly network: string | undefined;
}

/** What is asked of the placer for each that may move, or why it may not. */
export type MoveWants = ReadonlyMap<InstanceId, PlacementRequest | { readonly refused: Problem }>;

export async function moveWants(sql: Sql, cases: Iterable<Case>): Promise<MoveWants> {
  const moving = [...cases].filter(({ move }) => move !== undefined);
  if (moving.length === 0) return new Map();
  const ids = moving.map(({ settled }) => settled.world.instance.id);
  const hosts = await sql.query<Candidate>("select id, name, state, mode, pools, facts from host");
  const leftovers = await sql.query<{ instance: InstanceId; host: HostId }>(
    `select instance_id as instance, leftover_host as host from migration
     where leftover_host is not null and instance_id = any($1)`,
    [ids],
  );
  const snapshots = await localSnapshotsOf(sql, ids);
  const given = await givenTasksOf(sql, ids);
  return new Map(
    moving.map((item) => {
      const { instance, underWay } = item.settled.world;
      const mine = leftovers.filter((row) => row.instance === instance.id).map(({ host }) => host);
      const refused =
        refuseMove(item.settled.world) ??
        refuseBusy(instance, underWay, given) ??
        refuseLoss(instance, snapshots.get(instance.id) ?? 0);
      return [instance.id, refused ? { refused } : wantOf(item, hosts, mine)];
    }),
  );
}

/**
 * While a snapshot or a backup is being made of it, or whatever the table of activities says; and while its host is
 * at work on one of its volumes in any other way.
 */
export function refuseBusy(
  instance: Instance,
  underWay: readonly UnderWay[],
  given: readonly GivenTask[],
): Problem | undefined {
  const task = given.find((one) => one.instance === instance.id);
  const holder =
    underWay.find(({ activity }) => judge("migrate-host", [activity]) !== "go") ??
    (task && { ...task, activity: task.do === "make" ? "creation" : task.do });
  if (!holder) return undefined;
  const { activity, volume, by } = holder;
  return problem(
    "conflict",
    "instance_busy",
    `A ${activity} of ${volume}, a disk of ${instance.name}, is under way for ${by}.`,
    {
      fix: "Wait until that is over, then ask again.",
      retryAfterSeconds: 5,
      facts: { activity, volume, by },
    },
  );
}

/** Whatever the destination is. */
function refuseLoss({ name }: Instance, snapshots: number): Problem | undefined {
  const why = staysFor(snapshots);
  if (!why) return undefined;
  return problem(
    "conflict",
    "destination_unsuitable",
    `${name} cannot be moved while it runs: ${why}.`,
    {
      fix: "Delete them (holdfast snapshots), after a backup of what they are for (holdfast backups create); or keep it in a shared pool, where snapshots stay where they are.",
      facts: { snapshots },
    },
  );
}

function wantOf(
  { before, move, settled: { world } }: Case,
  hosts: readonly Candidate[],
  leftovers: readonly HostId[],
): PlacementRequest | { readonly refused: Problem } {
  const { instance } = world;
  const source = hosts.find(({ id }) => id === instance.home);
  if (!source) throw new Error(`instance ${instance.id} has a home that is no host`);
  const hasLocalData = before.station.some(
    ({ kind, pool }) => kind === "data" && pool === localPool,
  );
  const departure = { source, pool: before.pool, hasLocalData, leftovers };
  const reasons = hosts.map((host) => ({ host, why: unsuitable(departure, host) }));
  const named = reasons.find(({ host }) => host.id === move?.to);
  if (named?.why) return { refused: unsuitableHost(instance, named.host.name, named.why) };
  const able = reasons.filter(({ why, host }) => !why && (!move?.to || host.id === move.to));
  if (able.length === 0) return { refused: noDestination(instance, reasons) };
  // That its volume is on one host's disks is no matter: it is copied along.
  const { onlyHosts: _, ...request } = requestOf({ ...instance, cause: undefined }, before);
  return { ...request, onlyHosts: able.map(({ host }) => host.id) };
}

/** Room was found: the destination is to be prepared. */
export function depart(
  item: Case,
  move: MoveAsked,
  { host, epoch }: { readonly host: HostId; readonly epoch: number },
  defaults: MoveDefaults,
): void {
  const noted = noteMove(item.settled.world, move);
  const moved = departing(noted.world, host, { id: move.id, terms: termsOf(item, move, defaults) });
  const entries = [...item.settled.entries, noted.entry];
  item.settled = {
    ...item.settled,
    world: moved.world,
    entries: moved.entry ? [...entries, moved.entry] : entries,
  };
  item.arrivalEpoch = epoch;
  const { migration } = moved.world;
  if (migration)
    item.written.set(migration.arrival.generation, { incarnation: migration.arrival, epoch });
  conclude(item);
}

function termsOf(
  { before, settled }: Case,
  move: MoveAsked,
  defaults: MoveDefaults,
): MigrationTerms {
  const bytesPerSecond = move.bytesPerSecond ?? defaults.bytesPerSecond;
  const diskBytes = before.disks
    .filter(({ pool }) => pool === localPool)
    .reduce((sum, { bytes }) => sum + bytes, 0);
  const { memoryMiB } = settled.world.instance;
  return {
    bytesPerSecond,
    mayPostcopy: move.mayPostcopy,
    network: move.network ?? defaults.network,
    ...patienceOf({ memoryMiB, diskBytes }, bytesPerSecond, defaults.patience),
  };
}

const unsuitableHost = ({ name }: Instance, host: string, why: string) =>
  problem("conflict", "destination_unsuitable", `${name} cannot go to ${host}: ${why}.`, {
    fix: `Choose another, or leave it to the platform: holdfast migrate ${name}`,
  });

function noDestination(
  { name }: Instance,
  reasons: readonly { readonly host: Candidate; readonly why: string | undefined }[],
): Problem {
  const hosts = reasons.slice(0, 32).map(({ host, why }) => ({ name: host.name, why: why ?? "" }));
  const [first] = hosts.filter(({ why }) => why !== "it is there already");
  const example = first ? ` ${first.name}: ${first.why}.` : "";
  return problem(
    "exhausted",
    "no_destination",
    `No other host could go on with ${name} while it runs.${example}`,
    { fix: "See what speaks against each host in the facts of this answer.", facts: { hosts } },
  );
}
