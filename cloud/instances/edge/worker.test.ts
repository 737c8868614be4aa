/** What a worker takes in hand while there is always something else to do. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { InstanceId } from "@holdfast/kernel/ids";
import { type Instant, after as later, milliseconds, seconds } from "@holdfast/kernel/time";
import { stopTestServer } from "@holdfast/store/testing";
import { patience } from "../core/testing.ts";
import { idOf, type OneInstance, oneInstance } from "./fixture-instance.ts";
import { startWorker, type Worker, type WorkerDeps } from "./worker.ts";

let made: OneInstance;
before(async () => {
  made = await oneInstance();
});
after(async () => {
  await made?.drop();
  await stopTestServer();
});

/** Whom nobody has heard of: looking at it is a pass like any other. */
const nobody = idOf(99) as InstanceId;

test("what falls due while passes follow each other without end is taken within a few of them", async () => {
  const { database, id } = made;
  const due = () =>
    database.query("update instance set look_at = '2026-01-01' where id = $1", [id]);
  await database.query("update instance set desired = 'stopped', look_at = null");
  let now = Date.UTC(2026, 10, 22) as Instant;
  let passes = 0;
  let taken = 0;
  const worker = await new Promise<Worker>((resolve, reject) => {
    const deps: Partial<WorkerDeps> = {
      database,
      placer: {
        session: () => ({
          place: async () => new Map(),
          release: async () => {},
          committed() {},
          abandoned() {},
        }),
      },
      images: { manifests: async () => new Map() },
      patience: () => patience,
      now: () => now,
      self: "m",
      limits: () => ({ batch: 10, resync: seconds(5) }),
      onError: reject,
      onDone(done) {
        passes++;
        taken += done.due;
        now = later(now, milliseconds(300)); // So long does each of them take.
        if (taken > 0 || passes === 12) resolve(worker);
        else if (passes === 2) due().then(() => worker.look([nobody]), reject);
        else worker.look([nobody]); // There is always another.
      },
    };
    const worker = startWorker(deps as WorkerDeps); // All that these passes ask for.
    worker.look([nobody]);
  });
  await worker.close();
  assert.deepEqual([taken, passes < 12], [1, true]);
});
