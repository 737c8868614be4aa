/** Volumes, snapshots and backups for people. */
import type { InstanceView } from "@holdfast/cloud/instances/api";
import type {
  BackupView,
  ScheduleView,
  SnapshotView,
  VolumeView,
} from "@holdfast/cloud/volumes/api";
import { type Instant, milliseconds } from "@holdfast/kernel/time";
import { type Cell, facts, type Paint, table } from "./table.ts";
import { tagColumn, tagWords } from "./tags.ts";
import { bytes, counted, deadline, plain, relative, span } from "./words.ts";

const age = (createdAt: number, now: Instant) => span(milliseconds(now - createdAt));

const tones = {
  allocated: "dim",
  creating: "busy",
  ready: "good",
  failed: "bad",
  destroyed: "dim",
  expunging: "busy",
  expunged: "dim",
} as const satisfies Record<VolumeView["state"], string>;

/** What is most worth knowing: what is being done comes before what it is. */
function stateOf({ state, doing, attachment }: VolumeView): Cell {
  const [first] = doing;
  if (first) return { text: first.do, tone: first.problem ? "bad" : "busy" };
  if (attachment === "detach-refused" || attachment === "attach-failed")
    return { text: attachment, tone: "bad" };
  if (attachment === "detaching") return { text: attachment, tone: "busy" };
  return { text: state === "allocated" ? "not made yet" : state, tone: tones[state] };
}

interface MayBeLocked {
  readonly encrypted: boolean;
}

/** Where any is encrypted. */
function lockColumn(all: readonly MayBeLocked[]) {
  const isShown = all.some(({ encrypted }) => encrypted);
  return {
    heads: isShown ? ["ENCRYPTED"] : [],
    of: ({ encrypted }: MayBeLocked) => (isShown ? [encrypted ? "yes" : "no"] : []),
  };
}

export function volumeTable(volumes: readonly VolumeView[], now: Instant, paint: Paint): string {
  const tags = tagColumn(volumes);
  const locks = lockColumn(volumes);
  return table(
    [
      "NAME",
      "SIZE",
      ...locks.heads,
      "STATE",
      "ATTACHED TO",
      "POOL",
      "HOST",
      "SNAPSHOTS",
      "BACKUPS",
      "AGE",
      ...tags.heads,
    ],
    volumes.map((one) => [
      one.name,
      bytes(one.sizeBytes),
      ...locks.of(one),
      stateOf(one),
      one.instance ?? { text: "nothing", tone: "dim" },
      one.pool,
      one.host ?? "-",
      String(one.snapshots),
      String(one.backups),
      age(one.createdAt, now),
      ...tags.of(one),
    ]),
    paint,
  );
}

export function volumeDetails(one: VolumeView, now: Instant, paint: Paint): string {
  const { actualBytes, checked, schedule, problem } = one;
  const isGrowing = actualBytes !== null && actualBytes < one.sizeBytes;
  const pairs: readonly (readonly [string, Cell | undefined])[] = [
    ["state", stateOf(one)],
    ["kind", one.kind],
    [
      "size",
      isGrowing ? `${bytes(one.sizeBytes)}, ${bytes(actualBytes)} so far` : bytes(one.sizeBytes),
    ],
    ["attached to", one.instance ? attachmentOf(one) : "nothing"],
    ["pool", one.host ? `${one.pool}, on ${one.host}` : one.pool],
    ["encrypted", one.encrypted ? "yes" : "no"],
    ["made of", one.fromSnapshot ? `snapshot ${one.fromSnapshot}` : undefined],
    ["made of", one.fromBackup ? `backup ${one.fromBackup}` : undefined],
    ["limits", speed(one.limits)],
    ["snapshots", one.snapshots > 0 ? String(one.snapshots) : undefined],
    ["backups", one.backups > 0 ? String(one.backups) : undefined],
    ["schedule", schedule ? scheduleOf(schedule, now) : undefined],
    [
      "checked",
      checked
        ? {
            text: `${checked.is}${checked.why ? ` (${plain(checked.why)})` : ""}, ${relative(checked.at, now)}`,
            tone: checked.is === "sound" ? "good" : "bad",
          }
        : undefined,
    ],
    ["problem", problem ? { text: plain(problem.message), tone: "bad" } : undefined],
    ["next", problem?.fix ? plain(problem.fix) : undefined],
    ...one.doing.map((doing) => [doing.do, doingOf(doing, now)] as const),
    ["tags", tagWords(one.tags)],
    ["id", one.id],
    ["project", one.project],
    ["created", relative(one.createdAt, now)],
  ];
  return `${paint("strong", one.name)}  ${bytes(one.sizeBytes)}\n${facts(pairs, paint)}`;
}

function attachmentOf({
  instance,
  attachment,
  slot,
  kind,
  deleteWithInstance,
}: VolumeView): string {
  const words = {
    waiting: "its host has not said so yet",
    attached: "its guest has it",
    detaching: "its guest is asked to let go",
    "detach-refused": "its guest does not let go",
    "attach-failed": "its guest could not be given it",
    "too-small": "its guest does not see all of it yet",
    stopped: "which does not run",
  } as const;
  const fate = deleteWithInstance && kind === "data" ? ", deleted with it" : "";
  return `${instance} as disk ${slot}: ${attachment ? words[attachment] : ""}${fate}`;
}

function doingOf(doing: VolumeView["doing"][number], now: Instant): Cell {
  const { since, by, host, attempts, problem, deadline: until } = doing;
  const parts = [
    `since ${relative(since, now)} for ${by}`,
    host ? `on ${host}` : "nobody can yet",
    ...(attempts > 0 ? [`tried ${counted(attempts, "time")}`] : []),
    ...(problem ? [plain(problem.message)] : []),
    ...(until === null ? [] : [`given up ${deadline(until, now)}`]),
  ];
  return { text: parts.join(", "), tone: problem ? "bad" : "busy" };
}

/** `500 requests/s, 20 MiB/s`. */
export function speed({
  iops,
  bytesPerSecond,
}: {
  readonly iops: number | null;
  readonly bytesPerSecond: number | null;
}): string {
  const parts = [
    ...(iops === null ? [] : [`${iops} requests/s`]),
    ...(bytesPerSecond === null ? [] : [`${bytes(bytesPerSecond)}/s`]),
  ];
  return parts.length > 0 ? parts.join(", ") : "unlimited";
}

/** Each disk of an instance on a line, for `show`. */
export const disksOf = ({ disks }: InstanceView): readonly (readonly [string, string])[] =>
  disks
    .filter(({ kind }) => kind !== "root")
    .map(({ name, kind, sizeBytes, pool, encrypted }) => [
      "disk",
      `${name}, ${bytes(sizeBytes)}${encrypted ? ", encrypted" : ""}${
        kind === "ephemeral"
          ? ", ephemeral: survives a reboot and nothing else"
          : ` in the pool ${pool}`
      }`,
    ]);

const madeTones = { making: "busy", ready: "good", failed: "bad", deleting: "dim" } as const;
const guests = {
  frozen: "frozen",
  paused: "paused",
  "went-on": "went on",
  off: "off",
} as const satisfies Record<NonNullable<SnapshotView["guest"]>, string>;

export function snapshotTable(
  snapshots: readonly SnapshotView[],
  now: Instant,
  paint: Paint,
): string {
  const tags = tagColumn(snapshots);
  const shares = snapshots.some((one) => one.sharedWith.length > 0) ? ["SHARED WITH"] : [];
  const locks = lockColumn(snapshots);
  return table(
    [
      "NAME",
      "VOLUME",
      "STATE",
      "SIZE",
      ...locks.heads,
      "GUEST",
      "AGE",
      ...tags.heads,
      ...shares,
      "PROBLEM",
    ],
    snapshots.map((one) => [
      // Another project's is found by its id alone.
      ...(one.volume === null ? [one.id, `${one.project}: ${one.name}`] : [one.name, one.volume]),
      { text: one.state, tone: madeTones[one.state] },
      bytes(one.sizeBytes),
      ...locks.of(one),
      one.guest ? guests[one.guest] : "-",
      age(one.createdAt, now),
      ...tags.of(one),
      ...shares.map(() => one.sharedWith.join(", ") || "-"),
      plain(one.problem?.message ?? ""),
    ]),
    paint,
  );
}

export function backupTable(backups: readonly BackupView[], now: Instant, paint: Paint): string {
  const locks = lockColumn(backups);
  return table(
    ["ID", "VOLUME", "STATE", "SIZE", ...locks.heads, "TAKES", "BUILDS ON", "BY", "AGE", "PROBLEM"],
    backups.map((one) => [
      one.id,
      one.volume,
      { text: one.state, tone: madeTones[one.state] },
      bytes(one.sizeBytes),
      ...locks.of(one),
      one.usedBytes === null ? "-" : bytes(one.usedBytes),
      one.since ?? "nothing: full",
      one.isScheduled ? "schedule" : "request",
      age(one.createdAt, now),
      plain(one.problem?.message ?? ""),
    ]),
    paint,
  );
}

const every = (minutes: number) => (minutes === 60 ? "every hour" : `every ${minutes} min`);
const keeping = ({ hourly, daily, weekly }: ScheduleView["keep"]) =>
  `${hourly} hourly, ${daily} daily, ${weekly} weekly`;

const scheduleOf = (
  { everyMinutes, keep, nextAt, lastAt }: Omit<ScheduleView, "volume" | "volumeId">,
  now: Instant,
) =>
  `${every(everyMinutes)}, keeps ${keeping(keep)}; next ${relative(nextAt, now)}, last ${lastAt === null ? "never" : relative(lastAt, now)}`;

export const scheduleTable = (schedules: readonly ScheduleView[], now: Instant, paint: Paint) =>
  table(
    ["VOLUME", "HOW OFTEN", "KEEPS", "LAST", "NEXT"],
    schedules.map((one) => [
      one.volume,
      every(one.everyMinutes),
      keeping(one.keep),
      one.lastAt === null ? { text: "never", tone: "busy" } : relative(one.lastAt, now),
      relative(one.nextAt, now),
    ]),
    paint,
  );
