/**
 * Which activities on an instance and its volumes may overlap, as one table.
 *
 * An activity is a lock and not a state: it is held by whoever does it, until a deadline, and what comes
 * meanwhile waits, is refused, goes ahead beside it, or puts an end to it.
 */
export const activities = ["snapshot", "backup", "restore", "storage-migration"] as const;
export type Activity = (typeof activities)[number];

export const requests = [
  "start",
  "stop",
  "migrate-host",
  "migrate-storage",
  "snapshot",
  "backup",
  "resize",
  "restore",
  "destroy",
] as const;
export type ActivityRequest = (typeof requests)[number];

/** `cancel`: the activity is ended for it. `impossible`: that would need a state that excludes the activity. */
export type Verdict = "go" | "wait" | "refuse" | "cancel" | "impossible";

const table: Readonly<Record<Activity, Readonly<Record<ActivityRequest, Verdict>>>> = {
  snapshot: {
    start: "go",
    stop: "go",
    "migrate-host": "wait",
    "migrate-storage": "refuse",
    snapshot: "wait",
    backup: "wait",
    resize: "refuse",
    restore: "refuse",
    destroy: "cancel",
  },
  backup: {
    start: "go",
    stop: "go", // It goes on from the file, which nobody writes to any more.
    "migrate-host": "wait",
    "migrate-storage": "refuse",
    snapshot: "wait",
    backup: "refuse",
    resize: "refuse",
    restore: "refuse",
    destroy: "cancel",
  },
  restore: {
    start: "refuse",
    stop: "impossible", // A volume is restored only while its instance is stopped.
    "migrate-host": "refuse",
    "migrate-storage": "refuse",
    snapshot: "refuse",
    backup: "refuse",
    resize: "refuse",
    restore: "refuse",
    destroy: "cancel",
  },
  "storage-migration": {
    start: "refuse", // One that goes on while the guest runs has nothing to start.
    stop: "go",
    "migrate-host": "refuse",
    "migrate-storage": "impossible",
    snapshot: "refuse",
    backup: "refuse",
    resize: "refuse",
    restore: "refuse",
    destroy: "cancel",
  },
};

/** What becomes of a request while these are under way: the strictest verdict of any. */
export function judge(request: ActivityRequest, underWay: readonly Activity[]): Verdict {
  const verdicts = underWay.map((activity) => table[activity][request]);
  return strictness.find((verdict) => verdicts.includes(verdict)) ?? "go";
}

const strictness: readonly Verdict[] = ["impossible", "refuse", "cancel", "wait"];
