/**
 * What hosts are asked to do with volumes: which activity each task is, who does it, and what its end means.
 *
 * Of one volume tasks are done one after the other, in the order in which they were asked for: that is how a
 * request that must wait for an activity waits. A task stays with the host that was told first, because two at
 * once would write one file; only proof that the host is dead takes it away.
 */
import type { HostId, SnapshotId } from "@holdfast/kernel/ids";
import type { ProblemView } from "@holdfast/kernel/problem";
import { type Duration, type Instant, minutes, seconds } from "@holdfast/kernel/time";
import type { Activity } from "./activities.ts";
import { localPool } from "./model.ts";

export const taskKinds = [
  "make",
  "resize",
  "snapshot",
  "remove-snapshot",
  "restore",
  "copy",
  "extract",
  "backup",
  "remove-backup",
  "restore-backup",
  "check",
  "remove",
] as const;
export type TaskKind = (typeof taskKinds)[number];

interface Meaning {
  /** What it is to the conflict matrix; absent: nothing has to wait for it or give way to it. */
  readonly activity?: Activity;
  /** How long it may take altogether, with all waiting, before whoever asked is told that it failed. */
  readonly patience: Duration;
  /** There is nobody who could do without its end: it has no deadline, and is tried while that may help. */
  readonly isForever?: true;
}

/** A terabyte is copied within three hours at 100 MB/s; the rest takes seconds unless the host is away. */
const copying = minutes(6 * 60);

export const meanings: Readonly<Record<TaskKind, Meaning>> = {
  make: { patience: minutes(10) },
  resize: { patience: minutes(10) },
  snapshot: { activity: "snapshot", patience: minutes(10) },
  "remove-snapshot": { activity: "snapshot", patience: minutes(60), isForever: true },
  restore: { activity: "restore", patience: copying },
  copy: { activity: "snapshot", patience: copying },
  extract: { activity: "snapshot", patience: copying },
  backup: { activity: "backup", patience: copying },
  "remove-backup": { patience: minutes(60), isForever: true },
  "restore-backup": { activity: "restore", patience: copying },
  check: { patience: minutes(60) },
  remove: { patience: minutes(60), isForever: true },
};

/** A task, as far as it matters to who does it. */
export interface Assignable {
  readonly do: TaskKind;
  readonly pool: string;
  /** Of the volume, if it has been made anywhere. */
  readonly volumeHost: HostId | null;
  /** Of the instance that may have it open. */
  readonly home: HostId | null;
  /** Who was told. */
  readonly host: HostId | null;
}

export interface StorageHost {
  readonly id: HostId;
  readonly name: string;
  readonly state: "up" | "suspect" | "down";
  readonly mode: "enabled" | "draining" | "maintenance";
  readonly pools: readonly string[];
}

/** Undefined: nobody can at the moment. */
export function hostFor(
  task: Assignable,
  hosts: ReadonlyMap<HostId, StorageHost>,
): HostId | undefined {
  const told = task.host ? hosts.get(task.host) : undefined;
  if (told && told.state !== "down") return told.id;
  // Backups are in a place that every host reaches.
  if (task.do === "remove-backup") return anyOf(task, hosts, () => true);
  if (task.home) return task.home; // It has the volume open.
  if (task.pool === localPool) return task.volumeHost ?? undefined;
  return anyOf(task, hosts, ({ pools }) => pools.includes(task.pool));
}

function anyOf(
  { volumeHost }: Assignable,
  hosts: ReadonlyMap<HostId, StorageHost>,
  reaches: (host: StorageHost) => boolean,
): HostId | undefined {
  const rank = ({ id, mode }: StorageHost) =>
    (mode === "maintenance" ? 2 : 0) + (id === volumeHost ? 0 : 1);
  return [...hosts.values()]
    .filter((host) => host.state === "up" && reaches(host))
    .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))[0]?.id;
}

export type End =
  | { readonly is: "done" }
  /** Whoever asked is told. */
  | { readonly is: "failed"; readonly problem: ProblemView }
  | {
      readonly is: "again";
      readonly pause: Duration;
      /** After what else is asked of the volume by then: nothing may wait for its end. */
      readonly isLast: boolean;
      readonly problem: ProblemView;
    };

/** These pass: a place that is away, a guest that is just coming or going, a host that has lost its pool. */
const passing: ReadonlySet<string> = new Set([
  "volume_in_use",
  "volume_claimed",
  "pool_unreachable",
  "backup_place_missing",
]);
/** No host and no hour helps here: what would open the volume is lost, or another file lies in its place. */
export const hopeless = ["volume_key_missing", "volume_key_wrong"] as const;
const shortest = seconds(2);
const longest = minutes(5);

/**
 * What a failure means: try again while there is time and waiting may help, and without a deadline where it must be done.
 * What is hopeless is given up where somebody can ask for it again.
 */
export function afterFailure(
  task: {
    readonly do: TaskKind;
    /** Null: it is about none that people see. */
    readonly snapshot: SnapshotId | null;
    readonly attempts: number;
    readonly deadline: Instant;
  },
  problem: ProblemView,
  now: Instant,
): End {
  const isPassing = problem.kind === "unavailable" || passing.has(problem.code);
  const isHopeless = hopeless.some((code) => code === problem.code);
  const isUnseen = task.do === "remove-snapshot" && task.snapshot === null;
  const isForever = meanings[task.do].isForever === true && (isUnseen || !isHopeless);
  const pause = Math.min(longest, shortest * 2 ** Math.min(task.attempts, 10)) as Duration; // A duration times a number.
  if (isForever || (isPassing && now + pause < task.deadline))
    return { is: "again", pause, isLast: isForever && isHopeless, problem };
  return { is: "failed", problem };
}
