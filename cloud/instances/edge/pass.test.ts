/** A pass whose choice was made out of memory, where the rows of the hosts have moved on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { picturePlacer } from "@holdfast/cloud/placement/edge";
import type { JobId, ProjectId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import { patience } from "../core/testing.ts";
import { idOf, oneInstance } from "./fixture-instance.ts";
import { type PassDeps, pass } from "./pass.ts";

const made = await oneInstance();

test("a small pass that finds no room where memory saw some is done again, and nothing of the first is left", async () => {
  const { database, id, host, other } = made;
  const now = Date.now() as Instant;
  const placer = picturePlacer(() => ({ planner: "spread", factors: { cpu: 1, memory: 1 } }));
  await database.query("update host set pools = '{shared}'");
  await database.query("update host set reserved_memory_mib = memory_mib where id = $1", [other]);
  await placer.refresh(database);
  await database.query("update host set mode = 'draining' where id = $1", [host]);
  await database.query("update host set reserved_memory_mib = 0 where id = $1", [other]);

  const job = {
    ...{ id: idOf(20) as JobId, project: idOf(1) as ProjectId, kind: "start", targets: [id] },
    ...{ actor: "kim", requestId: "req-1", idempotency: undefined, createdAt: now },
  };
  const asked = {
    instance: id,
    order: { verb: "start", force: false, job: { id: job.id, kind: "start" }, requestId: "req-1" },
    ...{ job, actor: "kim" },
  } as const;
  const deps: Partial<PassDeps> = {
    ...{ database, placer, self: "m", now: () => now, patience: () => patience },
    images: { manifests: async () => new Map() },
  };
  const work = { births: [], orders: [asked], reports: [], volumes: [], looks: [], due: 0 };
  const done = await pass(deps as PassDeps, work); // All that such a pass asks for.
  assert.deepEqual([...done.refused, ...done.contended], []);
  const [instance] = await database.query("select home from instance where id = $1", [id]);
  assert.deepEqual(instance, { home: other });
  const hosts = await database.query(
    "select id, reserved_memory_mib as reserved from host order by id",
  );
  assert.deepEqual(hosts, [
    { id: host, reserved: 0 },
    { id: other, reserved: 128 },
  ]);
});
