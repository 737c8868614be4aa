/** What a worker takes in hand while there is always something else to do. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { InstanceId, JobId, ProjectId } from "@holdfast/kernel/ids";
import { type Instant, after as later, milliseconds, seconds } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
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

/** All that the passes of these tests ask for, but for the time and whoever hears of them. */
const usual = (): Partial<WorkerDeps> => ({
  database: made.database,
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
  self: "m",
  limits: () => ({ batch: 100, resync: seconds(5) }),
});

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
      ...usual(),
      now: () => now,
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

test("one that spoils a pass is found by halves, and the others are done together", async () => {
  const { database, id } = made;
  const project = idOf(1) as ProjectId;
  const now = Date.UTC(2026, 10, 22) as Instant;
  await database.query("update instance set desired = 'stopped', look_at = null");
  let transactions = 0;
  const counted: Database = Object.assign(Object.create(database), {
    transaction: (...asked: Parameters<Database["transaction"]>) => {
      transactions++;
      return database.transaction(...asked);
    },
  });
  const worker = startWorker({
    ...usual(),
    database: counted,
    now: () => now,
    onError: (error: unknown) => assert.fail(String(error)),
    onDone: () => {},
  } as WorkerDeps); // As above.
  const order = (n: number, key: string) => {
    const job = { id: idOf(1_000 + n) as JobId, kind: "stop" as const };
    const requestId = `r-${n}`;
    return worker.order({
      ...{ instance: id, actor: "a", order: { verb: "stop", force: false, job, requestId } },
      job: {
        ...{ ...job, project, targets: [id], actor: "a", requestId, createdAt: now },
        idempotency: { key, hash: "h" },
      },
    });
  };
  await order(0, "used"); // At another manager, a moment before.
  transactions = 0;
  const answers = await Promise.allSettled(
    Array.from({ length: 64 }, (_, n) => order(n + 1, n === 40 ? "used" : `key-${n}`)),
  );
  await worker.close();
  assert.deepEqual(
    answers.flatMap(({ status }, n) => (status === "rejected" ? [n] : [])),
    [40],
  );
  assert.ok(transactions <= 16, `${transactions} transactions`);
});

test("of instances that are due the one that spoils their pass is put off, and the others are looked at", async () => {
  const { database, id: bad } = made;
  await database.query(
    `with n as (select gen_random_uuid() as id, gen_random_uuid() as volume from generate_series(1, 31)),
       v as (insert into volume select (jsonb_populate_record(w, jsonb_build_object('id', n.volume))).* from volume w, n)
     insert into instance select (jsonb_populate_record(i,
       jsonb_build_object('id', n.id, 'name', n.id, 'volume_id', n.volume))).* from instance i, n`,
  );
  await database.query("update instance set desired = 'stopped', look_at = '2026-01-01'");
  let transactions = 0;
  const spoilt: Database = Object.assign(Object.create(database), {
    transaction: (work: (sql: Sql) => Promise<unknown>, locally: readonly string[]) => {
      transactions++;
      const query =
        (sql: Sql): Sql["query"] =>
        async (text, values) => {
          if (/set look_at = d.at/.test(text) && JSON.stringify(values).includes(bad))
            throw new Error("spoilt");
          return sql.query(text, values);
        };
      return database.transaction((sql) => work({ query: query(sql) }), locally);
    },
  });
  const now = Date.UTC(2026, 10, 22) as Instant;
  const blamed: string[] = [];
  await new Promise<void>((resolve) => {
    const worker = startWorker({
      ...usual(),
      database: spoilt,
      now: () => now,
      onError(_: unknown, about: string) {
        if (blamed.push(about) === 2) void worker.close().then(resolve);
      },
      onDone: () => {},
    } as WorkerDeps); // As above.
    worker.wake();
  });
  assert.deepEqual(blamed, ["instances that are due", `instance ${bad}`]);
  assert.ok(transactions <= 13, `${transactions} transactions`);
  const left = await database.query<{ id: string; at: Instant }>(
    "select id, look_at as at from instance where look_at is not null",
  );
  assert.deepEqual(left, [{ id: bad, at: now + 30_000 }]);
});
