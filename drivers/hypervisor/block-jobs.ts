/**
 * What can be done with the bytes of a disk that some QEMU has open: snapshots inside of it, and backups that
 * run while it is written to. The same for a machine and for a storage daemon, which speak the same QMP.
 *
 * A backup never clears the bitmap that it reads: it starts a new one, of the same moment, and the old one
 * counts on until a later backup has no need of it. So a backup that fails, or whose file is lost before
 * anybody knew that it was whole, costs nothing but its time. Rejected: QEMU's mode that clears the bitmap
 * when the job ends, because the file is not safe at that moment yet.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { addKey, encryptedBy, removeKey } from "./block-keys.ts";
import type { BackupOrder } from "./driver.ts";
import { type Ask, isRecord, QmpRefusal } from "./qmp.ts";
import {
  backupFailed,
  backupPointMissing,
  backupTargetFull,
  diskBusy,
  hostDiskFull,
  snapshotNotPossible,
} from "./refusals.ts";

export interface NodeState {
  readonly driver: string;
  readonly bytes: number;
  readonly snapshots: readonly NodeSnapshot[];
  readonly bitmaps: readonly Bitmap[];
}

export interface NodeSnapshot {
  readonly name: string;
  /** Milliseconds since the epoch, by the clock of the host that made it. */
  readonly at: number;
}

interface Bitmap {
  readonly name: string;
  /** It has seen every change since it was made. After a crash it has not, and says so. */
  readonly isWhole: boolean;
}

/** Between two looks at a job: short at first, because most increments are small. In milliseconds. */
const shortestWait = 5;
const longestWait = 250;
/** As QEMU's own default for a qcow2 image, so that what is copied is whole clusters. In bytes. */
const granularity = 65_536;
const noSpace = /No space left on device|Disk quota exceeded|File too large/;

/** All named nodes of a QEMU. */
export async function readNodes(ask: Ask): Promise<ReadonlyMap<string, NodeState>> {
  const answer = await ask("query-named-block-nodes", { flat: true });
  const nodes = Array.isArray(answer) ? answer.filter(isRecord) : [];
  return new Map(nodes.map((node) => [String(node["node-name"]), stateOf(node)]));
}

/** QEMU takes snapshots of whatever is on top, and keeps them in the node that has a format for it. */
export interface Layered {
  readonly top: string;
  readonly node: string;
}

/** Of all disks or of none, at one moment. Those that have one of this name keep it. */
export async function snapshotNodes(
  ask: Ask,
  disks: readonly Layered[],
  name: string,
): Promise<void> {
  const states = await readNodes(ask);
  const actions = disks
    .filter(({ node }) => !has(states.get(node), name))
    .map(({ top }) => ({ type: "blockdev-snapshot-internal-sync", data: { device: top, name } }));
  if (actions.length === 0) return;
  await ask("transaction", { actions }).catch((error) => {
    if (!(error instanceof QmpRefusal)) throw error;
    throw noSpace.test(error.message) ? hostDiskFull(error) : snapshotNotPossible(error);
  });
}

/** Absent is fine. */
export async function removeNodeSnapshot(
  ask: Ask,
  { top, node }: Layered,
  name: string,
): Promise<void> {
  if (!has((await readNodes(ask)).get(node), name)) return;
  await ask("blockdev-snapshot-delete-internal-sync", { device: top, name });
}

const has = (state: NodeState | undefined, name: string) =>
  state?.snapshots.some((snapshot) => snapshot.name === name);

/** Names of backups that an increment can build on. */
export const pointsIn = (state: NodeState | undefined): readonly string[] =>
  (state?.bitmaps ?? []).filter(({ isWhole }) => isWhole).map(({ name }) => name);

/** What jobs of ours are called, and the nodes that they write to. */
export const backupJob = (node: string) => `to-${node}`;

/** See `backupDisk` of the port. One at a time for each node; whatever an earlier agent began is ended first. */
export async function backUpNode(ask: Ask, node: string, order: BackupOrder): Promise<void> {
  const job = backupJob(node);
  await clearJob(ask, job);
  const state = (await readNodes(ask)).get(node);
  const { file, point, since, bytesPerSecond = 0, key } = order;
  if (since !== undefined && !pointsIn(state).includes(since)) throw backupPointMissing();
  for (const name of superfluous(state?.bitmaps ?? [], order))
    await ask("block-dirty-bitmap-remove", { node, name });

  const target = { driver: "qcow2", "node-name": job, file: { driver: "file", filename: file } };
  if (key !== undefined) await addKey(ask, job, key);
  await ask("blockdev-add", { ...target, ...encryptedBy(job, key) }).catch(failed);
  const bitmap = { node, name: point, granularity, persistent: state?.driver === "qcow2" };
  const what = since === undefined ? { sync: "full" } : increment(since);
  const backup = { "job-id": job, device: node, target: job, speed: bytesPerSecond, ...what };
  try {
    await ask("transaction", {
      actions: [
        { type: "block-dirty-bitmap-add", data: bitmap },
        { type: "blockdev-backup", data: { ...backup, "auto-dismiss": false } },
      ],
    }).catch(failed);
  } catch (error) {
    await ask("blockdev-del", { "node-name": job }).catch(() => {});
    await removeKey(ask, job);
    throw error;
  }
  const error = await jobsEnd(ask, job);
  await clearJob(ask, job);
  if (error === undefined) return;
  await ask("block-dirty-bitmap-remove", { node, name: point }); // There is no backup that it could belong to.
  failed(new QmpRefusal(error));
}

const increment = (since: string) => ({ sync: "bitmap", bitmap: since, "bitmap-mode": "never" });

/**
 * What will never be asked for again: the same point of an attempt that failed, what has missed changes, and
 * older points of the same place, whose name is what stands before the dot.
 */
function superfluous(bitmaps: readonly Bitmap[], { point, since }: BackupOrder): readonly string[] {
  const place = `${point.split(".")[0]}.`;
  return bitmaps
    .filter(({ name, isWhole }) => {
      if (name === since) return false;
      const isOlder = since !== undefined && name.startsWith(place);
      return name === point || !isWhole || isOlder;
    })
    .map(({ name }) => name);
}

/** Resolves with what went wrong, or undefined. */
async function jobsEnd(ask: Ask, id: string): Promise<string | undefined> {
  for (let wait = shortestWait; ; wait = Math.min(longestWait, wait * 1.5)) {
    const job = await findJob(ask, id);
    if (!job) return "the job is gone";
    if (job.status === "concluded") return job.error === undefined ? undefined : String(job.error);
    await sleep(wait);
  }
}

/** Ends a job if there is one, and lets go of what it wrote to. */
async function clearJob(ask: Ask, id: string): Promise<void> {
  const job = await findJob(ask, id);
  if (job && job.status !== "concluded") {
    await ask("job-cancel", { id }).catch(() => {}); // It may be over by now.
    await jobsEnd(ask, id);
  }
  if (job) await ask("job-dismiss", { id });
  if ((await readNodes(ask)).has(id)) await ask("blockdev-del", { "node-name": id });
  await removeKey(ask, id);
}

async function findJob(ask: Ask, id: string) {
  const answer = await ask("query-jobs");
  return (Array.isArray(answer) ? answer : []).filter(isRecord).find((job) => job.id === id);
}

function failed(error: unknown): never {
  if (!(error instanceof QmpRefusal)) throw error;
  if (noSpace.test(error.message)) throw backupTargetFull(error);
  if (/is blocked|is busy|in use/.test(error.message)) throw diskBusy(error);
  throw backupFailed(error.message, error);
}

function stateOf(node: Readonly<Record<string, unknown>>): NodeState {
  const image = isRecord(node.image) ? node.image : {};
  const snapshots = Array.isArray(image.snapshots) ? image.snapshots.filter(isRecord) : [];
  const bitmaps = Array.isArray(node["dirty-bitmaps"])
    ? node["dirty-bitmaps"].filter(isRecord)
    : [];
  return {
    driver: String(node.drv),
    bytes: Number(image["virtual-size"]),
    snapshots: snapshots.map(({ name, "date-sec": seconds, "date-nsec": nanoseconds }) => ({
      name: String(name),
      at: Number(seconds) * 1_000 + Math.floor(Number(nanoseconds) / 1_000_000),
    })),
    bitmaps: bitmaps
      .filter(({ name }) => typeof name === "string") // Jobs have bitmaps of their own, without a name.
      .map(({ name, inconsistent }) => ({ name: String(name), isWhole: inconsistent !== true })),
  };
}
