import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId, SnapshotId } from "@holdfast/kernel/ids";
import type { ProblemView } from "@holdfast/kernel/problem";
import { type Instant, minutes } from "@holdfast/kernel/time";
import { activities } from "./activities.ts";
import {
  type Assignable,
  afterFailure,
  hostFor,
  meanings,
  type StorageHost,
  taskKinds,
} from "./tasks.ts";

const [h1, h2, h3] = ["h1", "h2", "h3"] as HostId[];
const host = (id: HostId | undefined, change: Partial<StorageHost> = {}): StorageHost => ({
  ...{ id: id as HostId, name: String(id), state: "up", mode: "enabled", pools: ["fast"] },
  ...change,
});
const hosts = (...all: readonly StorageHost[]) => new Map(all.map((one) => [one.id, one]));
const three = hosts(host(h1), host(h2), host(h3, { pools: [] }));
const task = (change: Partial<Assignable> = {}): Assignable => ({
  ...{ do: "snapshot", pool: "fast", volumeHost: null, home: null, host: null },
  ...change,
});

const choices: readonly [
  says: string,
  task: Assignable,
  on: typeof three,
  who: HostId | undefined,
][] = [
  ["who runs the guest has the volume open", task({ home: h2 as HostId }), three, h2],
  [
    "what is in one host is done there",
    task({ pool: "local", volumeHost: h3 as HostId }),
    three,
    h3,
  ],
  ["what is nowhere yet waits", task({ pool: "local" }), three, undefined],
  ["a shared volume goes to who used it last", task({ volumeHost: h2 as HostId }), three, h2],
  ["a host that does not reach the pool is none", task({ volumeHost: h3 as HostId }), three, h1],
  [
    "one in maintenance is the last choice",
    task({ volumeHost: h1 as HostId }),
    hosts(host(h1, { mode: "maintenance" }), host(h2)),
    h2,
  ],
  [
    "who was told keeps it while silent, even if the guest is elsewhere",
    task({ host: h1 as HostId, home: h2 as HostId }),
    hosts(host(h1, { state: "suspect" }), host(h2)),
    h1,
  ],
  [
    "only the proof of its death takes it away",
    task({ host: h1 as HostId }),
    hosts(host(h1, { state: "down" }), host(h2)),
    h2,
  ],
  [
    "a backup is removed by anybody, also if its volume was in a host that is gone",
    task({ do: "remove-backup", pool: "local", volumeHost: h1 as HostId }),
    hosts(host(h1, { state: "down" }), host(h3, { pools: [] })),
    h3,
  ],
  ["with nobody up it waits", task(), hosts(host(h1, { state: "suspect" })), undefined],
];
for (const [says, given, on, who] of choices)
  test(says, () => assert.equal(hostFor(given, on), who));

const now = 1_000_000 as Instant;
const failing = (kind: ProblemView["kind"], code = "any"): ProblemView => ({
  kind,
  code,
  message: "no",
});
const late = { snapshot: null, attempts: 0, deadline: (now + minutes(10)) as Instant };

test("what passes is tried again with growing pauses, until the deadline comes first", () => {
  const again = afterFailure({ do: "backup", ...late }, failing("unavailable"), now);
  assert.equal(again.is === "again" && again.pause, 2_000);
  const later = afterFailure({ do: "backup", ...late, attempts: 5 }, failing("unavailable"), now);
  assert.equal(later.is === "again" && later.pause, 64_000);
  const end = { snapshot: null, attempts: 9, deadline: (now + minutes(1)) as Instant };
  assert.equal(afterFailure({ do: "backup", ...end }, failing("unavailable"), now).is, "failed");
});

test("a guest that comes or goes passes too; a full pool does not", () => {
  const inUse = failing("conflict", "volume_in_use");
  assert.equal(afterFailure({ do: "check", ...late }, inUse, now).is, "again");
  assert.equal(afterFailure({ do: "snapshot", ...late }, failing("exhausted"), now).is, "failed");
});

test("what has to be cleaned away is tried for ever, whatever the reason", () => {
  const over = { snapshot: null, attempts: 1_000, deadline: 0 as Instant };
  for (const kind of taskKinds.filter((one) => meanings[one].isForever)) {
    const end = afterFailure({ do: kind, ...over }, failing("bug"), now);
    assert.deepEqual([end.is, end.is === "again" && end.pause], ["again", minutes(5)], kind);
  }
});

test("what no host can do is given up where somebody is told, and comes last where nobody is", () => {
  const missing = failing("conflict", "volume_key_missing");
  const ofSnapshot = (snapshot: SnapshotId | null) =>
    afterFailure({ do: "remove-snapshot", ...late, snapshot }, missing, now);
  assert.equal(ofSnapshot("s" as SnapshotId).is, "failed");
  const hidden = ofSnapshot(null);
  assert.deepEqual([hidden.is, hidden.is === "again" && hidden.isLast], ["again", true]);
  const away = afterFailure({ do: "remove-snapshot", ...late }, failing("unavailable"), now);
  assert.equal(away.is === "again" && away.isLast, false);
});

test("every activity of the conflict matrix is some task's, but for migrations", () => {
  const known = new Set(taskKinds.map((kind) => meanings[kind].activity));
  const missing = activities.filter((activity) => !known.has(activity));
  assert.deepEqual(missing, ["storage-migration"]);
});
