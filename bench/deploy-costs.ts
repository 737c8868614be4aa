/**
 * What deploys cost besides their rate: to somebody else who asks for one meanwhile, in the database for a whole life,
 * and with more and more instances there already. Parts of deploy.ts, on the platform that it has started.
 *
 * The instances that are only there are rows of stopped ones, copied in SQL: what a running one costs its host and the
 * manager without being deployed is the business of other benches.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "@holdfast/store/database";
import type { Curve, Figure } from "./figures.ts";
import { median, percentile, table, whole } from "./measure.ts";
import type { Call } from "./processes.ts";

export interface Costs {
  readonly call: Call;
  readonly database: Database;
  /** Milliseconds of processor time so far, of all that is the platform's. */
  readonly cpu: () => number;
}

/** A lone create of one project, on an idle platform and while so many of another are pending. */
export async function fairness(
  { call, database }: Costs,
  many: number,
): Promise<readonly Figure[]> {
  const project = "neighbour";
  await call("POST", "/v1/projects", { name: project });
  const rest = () => sleep(50, true);
  const alone = await lone(call, project, rest, 15);
  const crowd = Array.from({ length: 10 }, () => run(call, "default", many / 10));
  let isPending = true;
  const all = Promise.all(crowd)
    .then(() => done(database))
    .then(() => {
      isPending = false;
    });
  const beside = await lone(call, project, async () => isPending, 200);
  await all;
  console.log(
    `  lone creates: ${median(alone).toFixed(0)} ms idle, ${median(beside).toFixed(0)} ms beside ${whole(many)}`,
  );
  const figure = (name: string, of: (times: readonly number[]) => number): Figure => ({
    name: `lone create beside ${whole(many)}, ${name}`,
    what: `from the call to its 202, of one project while another has asked for ${whole(many)} and they are not all running, beside the same on an idle platform`,
    sides: [
      { name: "beside them", value: of(beside), unit: "ms" },
      { name: "idle", value: of(alone), unit: "ms" },
    ],
  });
  return [figure("median", median), figure("99 %", (times) => percentile(times, 0.99))];
}

async function lone(
  call: Call,
  project: string,
  goesOn: () => Promise<boolean>,
  most: number,
): Promise<readonly number[]> {
  const times: number[] = [];
  while (times.length < most && (await goesOn())) {
    const start = performance.now();
    await run(call, project, 1);
    times.push(performance.now() - start);
  }
  return times;
}

/** What one life leaves and writes: run, destroy, expunge. */
export async function lifeCycle({ call, database }: Costs): Promise<readonly Figure[]> {
  const count = 500;
  await call("POST", "/v1/projects", { name: "lives" });
  await settled(database);
  const begin = await sizes(database);
  const phases: [string, Tables][] = [["", await written(database)]];
  await run(call, "lives", count);
  await done(database);
  await settled(database);
  const running = await sizes(database);
  phases.push(["to running", await written(database)]);
  const names = await database.query<{ id: string }>(
    "select i.id from instance i join project p on p.id = i.project_id where p.name = 'lives'",
  );
  for (const verb of ["destroy", "expunge"]) {
    await Promise.all(
      names.map(({ id }) => call("POST", `/v1/projects/lives/instances/${id}/${verb}`, {})),
    );
    await done(database);
    await settled(database);
    phases.push([verb, await written(database)]);
  }
  const end = await sizes(database);
  showWritten(phases, count);
  const each = (name: keyof typeof end, from: typeof end, to: typeof end) =>
    (to[name] - from[name]) / count;
  return [
    {
      name: "rows written in a life",
      what: "versions of rows from the request to the end of expunging; two of three requests with a job of their own",
      sides: [
        { name: "life", value: each("rows", begin, end), unit: "rows" },
        { name: "of that, to running", value: each("rows", begin, running), unit: "rows" },
      ],
      goal: { of: "value", must: 12, better: 8 },
    },
    {
      name: "database, running",
      what: "bytes that the database has grown by for each instance that runs, indexes and journal included",
      sides: [{ name: "each", value: each("bytes", begin, running), unit: "B" }],
    },
    {
      name: "database, whole life",
      what: "bytes that are left of each when it is expunged, dead versions included, beside the bytes logged meanwhile",
      sides: [
        { name: "each", value: each("bytes", begin, end), unit: "B" },
        { name: "logged", value: each("logged", begin, end), unit: "B" },
      ],
    },
  ];
}

/** Processor time of a create with so many there already. */
export async function growthOf(
  { call, database, cpu }: Costs,
  counts: readonly number[],
): Promise<readonly Curve[]> {
  await call("POST", "/v1/projects", { name: "growth" });
  const points: { x: number; y: number }[] = [];
  for (const count of counts) {
    await fill(database, count);
    await database.query("analyze");
    const turns: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      const idleFrom = cpu();
      const idleAt = performance.now();
      await sleep(1_500);
      const idle = (cpu() - idleFrom) / (performance.now() - idleAt);
      const [from, start] = [cpu(), performance.now()];
      await Promise.all(Array.from({ length: 200 }, () => run(call, "growth", 1)));
      await done(database);
      turns.push((cpu() - from - idle * (performance.now() - start)) / 200);
    }
    points.push({ x: count, y: Math.max(0.001, median(turns)) });
    console.log(
      `  ${count} there: ${turns.map((one) => one.toFixed(2)).join(", ")} ms for each create`,
    );
  }
  if (points.length < 2) return [];
  return [
    {
      name: "deploy-cost",
      title: "Processor time of one create, without what is used anyway",
      x: { label: "instances there already", unit: "" },
      y: { label: "each", unit: "ms" },
      lines: [{ name: "create to running", points }],
    },
  ];
}

/** Copies stopped instances until there are so many. */
async function fill(database: Database, count: number): Promise<void> {
  await database.query(
    `with present as (select count(*)::int as n from instance),
       pattern as (select * from instance where state = 'running' limit 1),
       made as (select gen_random_uuid() as id, gen_random_uuid() as volume
         from present, generate_series(1, greatest(0, ${Math.round(count)} - present.n))),
       volumes as (insert into volume (id, project_id, image_id, state, size_bytes, pool, created_at)
         select m.volume, p.project_id, p.image_id, 'allocated', 1, 'local', now() from made m, pattern p)
     insert into instance (id, project_id, name, type, cpus, memory_mib, image_id, volume_id, created_at, desired, state,
         request_id, generation, last_generation, recovery, priority)
       select m.id, p.project_id, 'there-' || m.id, p.type, p.cpus, p.memory_mib, p.image_id, m.volume, now(), 'stopped', 'stopped',
         'bench', 0, 0, p.recovery, p.priority from made m, pattern p`,
  );
}

const run = (call: Call, project: string, count: number) =>
  call("POST", `/v1/projects/${project}/instances`, { count });

async function done(database: Database): Promise<void> {
  const isAny = async () =>
    (await database.query("select from job where state = 'running' limit 1", [])).length > 0;
  while (await isAny()) await sleep(10);
}

/**
 * Whatever was asked for before is looked at and written down for some time, and sessions say late what they have written:
 * without a pause a life of five hundred was blamed for the first checks of ten thousand others.
 */
async function settled(database: Database): Promise<void> {
  const rows = async () =>
    [...(await written(database)).values()].reduce(
      (sum, { ins, upd, del }) => sum + ins + upd + del,
      0,
    );
  let before = await rows();
  for (let turn = 0; turn < 12; turn++) {
    await sleep(5_000);
    const now = await rows();
    if (now - before < 100) return;
    before = now;
  }
}

/** What was written of each table so far. */
type Tables = ReadonlyMap<string, Readonly<Record<(typeof kinds)[number], number>>>;
const kinds = ["ins", "upd", "hot", "del"] as const;

async function written(database: Database): Promise<Tables> {
  const rows = await database.query<{ table: string } & Record<(typeof kinds)[number], number>>(
    `select relname as table, n_tup_ins::float8 as ins, n_tup_upd::float8 as upd, n_tup_hot_upd::float8 as hot,
       n_tup_del::float8 as del
     from pg_stat_user_tables where relname not in ('host_lease', 'bench_floor')`,
  );
  return new Map(rows.map((row) => [row.table, row]));
}

/** For each instance, by table and part of its life: rows that were inserted, updated (of those without touching indexes), deleted. */
function showWritten(phases: readonly (readonly [string, Tables])[], count: number): void {
  const lines = phases.slice(1).flatMap(([phase, after], index) =>
    [...after].flatMap(([name, now]) => {
      const before = phases[index]?.[1].get(name);
      const of = kinds.map((kind) => (now[kind] - (before?.[kind] ?? 0)) / count);
      return of.some((one) => one >= 0.005)
        ? [[`${phase}: ${name}`, ...of.map((one) => one.toFixed(2))]]
        : [];
    }),
  );
  console.log(
    `\n${table([["rows of each", "inserted", "updated", "of those HOT", "deleted"], ...lines])}`,
  );
}

async function sizes(database: Database) {
  await sleep(1_200); // Sessions report what they have written once a second.
  const [row] = await database.query<Record<"rows" | "bytes" | "logged", number>>(
    `select pg_database_size(current_database())::float8 as bytes,
       pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as logged,
       (select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables
         where relname not in ('host_lease', 'bench_floor'))::float8 as rows`,
  );
  return row ?? { rows: 0, bytes: 0, logged: 0 };
}
