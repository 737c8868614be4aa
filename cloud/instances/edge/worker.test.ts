/** What a worker takes in hand while there is always something else to do. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { insertJobs, type NewJob } from "@holdfast/cloud/jobs/edge";
import type { InstanceId, JobId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import {
  type Instant,
  after as later,
  milliseconds,
  minutes,
  seconds,
} from "@holdfast/kernel/time";
import type { Database, Sql, Transaction } from "@holdfast/store/database";
import { patience } from "../core/testing.ts";
import type { Birth } from "./births.ts";
import { idOf, isWaitedFor, oneInstance } from "./fixture-instance.ts";
import { dueAtOnce, startWorker, type Worker, type WorkerDeps } from "./worker.ts";

const made = await oneInstance();

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
  limits: () => ({ batch: 500, resync: seconds(5) }),
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

/** A worker whose transactions are counted, over an instance that may be stopped as often as somebody likes. */
async function countedWorker() {
  const { database } = made;
  await database.query("update instance set desired = 'stopped', look_at = null");
  const counted = { transactions: 0 };
  const worker = startWorker({
    ...usual(),
    database: Object.assign(Object.create(database), {
      transaction: (...asked: Parameters<Database["transaction"]>) => {
        counted.transactions++;
        return database.transaction(...asked);
      },
    }),
    now: () => at,
    onError: (error: unknown) => assert.fail(String(error)),
    onDone: () => {},
  } as WorkerDeps); // As above.
  const order = (n: number, key: string, kind: "stop" | "reboot" = "stop") => {
    const { job } = jobOf(n, key);
    const { id, requestId } = job;
    const given = { verb: kind, force: false, job: { id, kind }, requestId };
    return worker.order({ instance: made.id, actor: "a", order: given, job });
  };
  return { counted, worker, order };
}

const at = Date.UTC(2026, 10, 22) as Instant;

/** As births and orders carry it. */
function jobOf(n: number, key: string): { readonly job: NewJob } {
  const idempotency = { key, hash: "h" };
  const who = { project: idOf(1) as ProjectId, actor: "a", requestId: `r-${n}` };
  const id = idOf(1_000 + n) as JobId;
  return { job: { id, ...who, kind: "stop", targets: [made.id], idempotency, createdAt: at } };
}

/** Which of them were refused, and with what. */
const refusalsOf = (answers: readonly PromiseSettledResult<unknown>[]) =>
  answers.flatMap((answer, n) => (answer.status === "rejected" ? [[n, answer.reason.code]] : []));

test("one that spoils a pass is found by halves, and the others are done together", async () => {
  const { counted, worker, order } = await countedWorker();
  await order(0, "first");
  counted.transactions = 0;
  const answers = await Promise.allSettled(
    Array.from({ length: 64 }, (_, n) => order(n === 40 ? 0 : n + 1, `halves-${n}`)),
  );
  await worker.close();
  assert.deepEqual(refusalsOf(answers), [[40, "23505"]]); // There is a job of its id.
  assert.ok(counted.transactions <= 16, `${counted.transactions} transactions`);
});

test("keys that were used before, and one that is used twice, spoil no pass", async () => {
  const { counted, worker, order } = await countedWorker();
  await Promise.all([order(100, "used"), order(101, "used-too")]);
  counted.transactions = 0;
  const keys = Array.from({ length: 64 }, (_, n) => `repeats-${n}`);
  const answers = await Promise.allSettled(
    [...keys, "used", "twice", "used-too", "twice"].map((key, n) => order(200 + n, key)),
  );
  await worker.close();
  const why = "idempotency_key_reused";
  assert.deepEqual(
    refusalsOf(answers),
    [64, 66, 67].map((n) => [n, why]),
  );
  assert.ok(counted.transactions <= 2, `${counted.transactions} transactions`);
});

test("of a request that is twice in one pass both are refused with the first, or none", async () => {
  const { counted, worker, order } = await countedWorker();
  const answers = await Promise.allSettled(
    ["vain", "vain", "other"].map((key, n) => order(350 + n, key, n < 2 ? "reboot" : "stop")),
  );
  await worker.close();
  assert.deepEqual(
    refusalsOf(answers),
    [0, 1].map((n) => [n, "not_in_this_state"]),
  );
  assert.equal(counted.transactions, 1);
});

test("who begins a job under the same key elsewhere is waited for, and spoils no pass", async () => {
  const { counted, worker, order } = await countedWorker();
  let answers: Promise<PromiseSettledResult<void>[]> | undefined;
  counted.transactions = 0;
  await made.database.transaction(async (sql) => {
    await insertJobs(sql, [jobOf(300, "raced").job]);
    answers = Promise.allSettled(["before", "raced", "then"].map((key, n) => order(301 + n, key)));
    await isWaitedFor(made.database);
  });
  assert.deepEqual(refusalsOf((await answers) ?? []), [[1, "idempotency_key_reused"]]);
  await worker.close();
  assert.ok(counted.transactions <= 2, `${counted.transactions} transactions`);
});

test("who is let by beside a long pass hears of a refusal as everybody does", async () => {
  const { worker, order } = await countedWorker();
  await order(400, "by-the-side");
  const crowd = Array.from({ length: 200 }, (_, n) => idOf(5_000 + n) as InstanceId);
  await made.database.transaction(async (sql) => {
    await sql.query("select from instance where id = $1 for update", [made.id]);
    worker.look([made.id, ...crowd]);
    await isWaitedFor(made.database);
    const answers = await Promise.allSettled([worker.give([refusedBirth(401, "by-the-side")])]);
    assert.deepEqual(refusalsOf(answers), [[0, "idempotency_key_reused"]]);
  });
  await worker.close();
});

/** One that is refused as soon as its job is begun: its key stands for another request. */
const refusedBirth = (n: number, key: string) => {
  const seed = { project: idOf(1) };
  const birth = { ...jobOf(n, key), seed, connections: [] as Birth["connections"] };
  return birth as Birth; // All that is asked of it.
};

test("a pass that is about to begin waits for creates that are nearly there, but not for ever", async () => {
  const before = await countedWorker();
  await before.order(410, "nearly");
  await before.worker.close();
  const { counted, worker } = await countedWorker(); // One that has done nothing yet begins at once.
  const give = (n: number) => Promise.allSettled([worker.give([refusedBirth(n, "nearly")])]);
  const prepared = worker.expect(1);
  const first = give(411);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve))); // It would have begun by now.
  prepared();
  await Promise.all([first, give(412)]);
  assert.equal(counted.transactions, 1);
  worker.expect(1); // Nobody will ever hear of it.
  assert.deepEqual(refusalsOf(await give(413)), [[0, "idempotency_key_reused"]]);
  await worker.close();
});

test("a lone order waits for no creates, and nobody is waited for by two passes", async () => {
  const { counted, worker, order } = await countedWorker();
  await order(420, "waited-for");
  worker.expect(1); // As above.
  const waits: number[] = [];
  const { setTimeout } = globalThis;
  mock.method(globalThis, "setTimeout", (then: () => void, wait: number) => {
    waits.push(wait);
    return setTimeout(then, wait);
  });
  await order(421, "alone");
  const without = waits.includes(10);
  for (const n of [422, 423]) await Promise.allSettled([worker.give([refusedBirth(n, "alone")])]);
  mock.restoreAll();
  await worker.close();
  assert.deepEqual([without, waits.filter((wait) => wait === 10).length], [false, 1]);
  assert.equal(counted.transactions, 4);
});

/** Finds room for nobody: who wants some is looked at again later. */
const full: WorkerDeps["placer"] = {
  session: () => ({
    place: async (wants) =>
      new Map(
        wants.map(({ instance }) => [instance, { refused: problem("exhausted", "full", "Full.") }]),
      ),
    release: async () => {},
    committed() {},
    abandoned() {},
  }),
};

/** A worker that counts how often it looks for who is due, and how often it asks when; its clock is turned by hand. */
async function watchedWorker(nextAt: () => Promise<Instant | undefined>) {
  const { database } = made;
  await database.query("delete from due");
  await database.query("update instance set desired = 'stopped', look_at = null");
  const watched = { now: at, passes: 0, looked: 0, asked: 0, answered: 0 };
  const watching: Database = Object.assign(Object.create(database), {
    transaction: (work: (sql: Transaction) => Promise<unknown>, locally: readonly string[]) => {
      const query =
        (sql: Sql): Sql["query"] =>
        (text, values) => {
          if (/ from due d join /.test(text)) watched.looked++;
          return sql.query(text, values);
        };
      return database.transaction((sql) => work({ ...sql, query: query(sql) }), locally);
    },
    lookUps: {
      async query() {
        watched.asked++;
        return nextAt()
          .then((at) => [{ at: at ?? null }])
          .finally(() => watched.answered++);
      },
    },
  });
  const worker = startWorker({
    ...usual(),
    ...{ database: watching, placer: full, now: () => watched.now },
    onDone: () => watched.passes++,
    limits: () => ({ batch: 500, resync: minutes(5) }),
    onError: (error: unknown) => assert.fail(String(error)),
  } as WorkerDeps); // As above.
  const isSo = async (so: () => boolean) => {
    while (!so()) await new Promise((resolve) => setImmediate(resolve));
  };
  const pass = async (id = nobody) => {
    const { passes } = watched;
    worker.look([id]);
    await isSo(() => watched.passes > passes);
  };
  /** Until it waits for the next moment. */
  const rest = async () => {
    const { answered } = watched;
    await isSo(() => watched.answered > answered);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { watched, worker, pass, rest };
}

test("a pass that cuts a wait for the next moment short looks for who is due once that has come", async () => {
  const { watched, worker, pass, rest } = await watchedWorker(async () => later(at, seconds(3)));
  await pass();
  await rest();
  watched.now = later(at, milliseconds(2_999));
  await pass();
  const before = watched.looked;
  watched.now = later(at, seconds(3));
  await pass();
  await worker.close();
  assert.deepEqual([before, watched.looked], [1, 2]);
});

test("who could not hear when the next is due looks for whoever is as often as one who is busy", async () => {
  const { watched, worker, pass, rest } = await watchedWorker(() =>
    Promise.reject(new Error("no answer")),
  );
  await pass();
  await rest();
  watched.now = later(at, seconds(1));
  await pass();
  await worker.close();
  assert.equal(watched.looked, 2);
});

test("where passes come within a lull of each other it is asked nevertheless when the next is due", async () => {
  const { watched, worker, pass } = await watchedWorker(async () => undefined);
  const { setTimeout } = globalThis;
  // No lull is ever over.
  mock.method(globalThis, "setTimeout", (then: () => void, wait: number) =>
    setTimeout(then, wait === 30 ? 1e9 : wait),
  );
  for (let n = 0; n < 10 && watched.asked === 0; n++) {
    await pass();
    await new Promise((resolve) => setImmediate(resolve));
  }
  mock.restoreAll();
  await worker.close();
  assert.equal(watched.asked, 1);
});

test("a moment that a pass has written itself counts, whatever was answered before", async () => {
  const { watched, worker, pass, rest } = await watchedWorker(async () => undefined);
  const { database, id } = made;
  await pass();
  await rest();
  await database.query("update instance set desired = 'running', look_at = null where id = $1", [
    id,
  ]);
  await pass(id);
  const [row] = await database.query<{ at: Instant }>(
    "select look_at as at from instance where id = $1",
    [id],
  );
  assert.ok(row && row.at > at);
  watched.now = row.at;
  await pass();
  await worker.close();
  assert.equal(watched.looked, 2);
});

test("of instances that are due the one that spoils their pass is put off, and the others are looked at", async () => {
  const { database, id: bad } = made;
  await database.query(
    `with n as (select gen_random_uuid() as id, gen_random_uuid() as volume from generate_series(1, 31)),
       v as (insert into volume select (jsonb_populate_record(w, jsonb_build_object('id', n.volume))).* from volume w, n)
     insert into instance (id, project_id, name, type, cpus, memory_mib, image_id, volume_id, created_at, desired, state, home,
         request_id, generation)
       select n.id, project_id, n.id, type, cpus, memory_mib, image_id, n.volume, created_at, desired, state, home,
         request_id, generation from instance, n`,
  );
  await database.query("update instance set desired = 'stopped', look_at = '2026-01-01'");
  let transactions = 0;
  const spoilt: Database = Object.assign(Object.create(database), {
    transaction: (work: (sql: Transaction) => Promise<unknown>, locally: readonly string[]) => {
      transactions++;
      const query =
        (sql: Sql): Sql["query"] =>
        async (text, values) => {
          if (/set look_at = d.at/.test(text) && JSON.stringify(values).includes(bad))
            throw new Error("spoilt");
          return sql.query(text, values);
        };
      return database.transaction((sql) => work({ ...sql, query: query(sql) }), locally);
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

test("where more is due than a pass takes, the next takes twice as much, up to four times", async () => {
  const { database } = made;
  const limits = () => ({ batch: 2, resync: seconds(5) });
  const taken: number[] = [];
  await database.query("update instance set desired = 'stopped', look_at = '2026-01-01'");
  const worker = await new Promise<Worker>((resolve) => {
    const worker = startWorker({
      ...usual(),
      ...{ limits, now: () => at, onError: (error: unknown) => assert.fail(String(error)) },
      onDone(done) {
        taken.push(done.due);
        if (taken.reduce((sum, due) => sum + due) === 32) resolve(worker);
      },
    } as WorkerDeps); // As above.
    worker.wake();
  });
  await worker.close();
  assert.deepEqual(taken, [2, 4, 8, 8, 8, 2]);
});

test("no batch grows beyond two thousand, but one that is larger stays as it is", () => {
  const rows = [
    [500, 4, 2_000],
    [1_500, 2, 2_000],
    [2_000, 4, 2_000],
    [5_000, 1, 5_000],
    [5_000, 4, 5_000],
  ] as const;
  for (const [batch, growth, most] of rows) assert.equal(dueAtOnce(batch, growth), most);
});
