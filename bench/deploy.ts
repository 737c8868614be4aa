/**
 * 10,000 instances on 100 simulated hosts through the real API: a manager process, a durable PostgreSQL and
 * agents on real links; next to what the same PostgreSQL takes in batched updates in the same run.
 * Usage: node --import tsx bench/deploy.ts [--warm 10000] [--instances 10000] [--requests 20] [--singles 4000] [--clients 64]
 *        [--hosts 100] [--only together,apart,one,fair,life,growth] [--crowd 10000] [--growth 1000,10000] [--top] [--profile DIRECTORY]
 *
 * The clock runs from the first call to the moment when the database says of the last instance that it
 * runs; the API is asked afterwards whether that is so. The client's own processor time is not the platform's.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { connectDatabase, type Database } from "@holdfast/store/database";
import { fairness, growthOf, lifeCycle } from "./deploy-costs.ts";
import { type BenchResult, type Curve, deliver, type Figure } from "./figures.ts";
import {
  cpuOf,
  cpuOfFamily,
  loadNow,
  median,
  percentile,
  table,
  verdict,
  whole,
} from "./measure.ts";
import { batchedUpdates } from "./postgres.ts";
import { type Call, caller, endAll, startHosts, startPlatform } from "./processes.ts";

const { values: options } = parseArgs({
  options: {
    instances: { type: "string", default: "10000" },
    hosts: { type: "string", default: "100" },
    requests: { type: "string", default: "20" },
    singles: { type: "string", default: "4000" },
    clients: { type: "string", default: "64" },
    warm: { type: "string", default: "10000" },
    only: { type: "string" },
    crowd: { type: "string", default: "10000" },
    growth: { type: "string", default: "1000,10000,100000" },
    top: { type: "boolean", default: false },
    profile: { type: "string" },
  },
});
const instances = Number(options.instances);
const hosts = Number(options.hosts);
const requests = Number(options.requests);
const singles = Number(options.singles);
const clients = Number(options.clients);
/** Deployed before anything is measured, in batches; and a fifth as many one by one. */
const warming = Number(options.warm);

/** Measured on the machine that these goals come from: instances a second, and processor time of each. */
const ganeti = { perSecond: 2.75, cpuMs: 380 };
const novaPerSecond = 4;

interface Result {
  readonly what: string;
  readonly instances: number;
  readonly perSecond: number;
  /** Milliseconds of processor time for one instance. */
  readonly cpu: Readonly<Record<"manager" | "PostgreSQL" | "hosts" | "client", number>>;
  readonly statements: number;
  readonly rows: number;
  readonly transactions: number;
  /** What PostgreSQL has logged, in bytes. */
  readonly logged: number;
  /** Milliseconds of processor time a second before it began: what the hosts cost that nobody deploys to. */
  readonly idle: number;
  readonly seconds: number;
  /** Milliseconds from the call to its 202. */
  readonly accepted: readonly number[];
}

try {
  await main();
} finally {
  await endAll();
}

async function main(): Promise<void> {
  const flags = options.profile ? ["--cpu-prof", `--cpu-prof-dir=${options.profile}`] : [];
  const { server, manager } = await startPlatform(flags);
  const half = Math.ceil(hosts / 2);
  const hostPids = [
    await startHosts(manager, 1, half, flags),
    await startHosts(manager, half + 1, hosts - half, flags),
  ];
  const database = connectDatabase({ url: server.url, connections: 2 });
  const call = caller(manager.apiPort);
  // All hosts share two cores with the rest: on a busy machine they would fall silent, and nothing be placed.
  await call("PUT", "/v1/settings/hosts.lease", { value: 60 });
  const run = (what: string, instances: number, work: () => Promise<readonly number[]>) =>
    measure(what, instances, work, {
      database,
      manager: manager.pid,
      server: server.pid,
      hosts: hostPids,
      call,
    });

  // Plans, code, caches and connections are warm afterwards: of the first thousands most is V8, which compiles.
  await many(warming / 500, 10, () => create(call, 500));
  await allUp(database);
  await many(warming / 5, clients, () => create(call, 1));
  await allUp(database);
  if (options.top) await database.query("select pg_stat_statements_reset()");
  const floors = [await batchedUpdates(database)];
  const results: Result[] = [];
  if (wants("together"))
    results.push(
      await run(`${requests} requests for ${instances / requests} each`, instances, () =>
        many(requests, requests, () => create(call, instances / requests)),
      ),
    );
  floors.push(await batchedUpdates(database));
  if (wants("apart"))
    results.push(
      await run(`${singles} requests, ${clients} at a time`, singles, () =>
        many(singles, clients, () => create(call, 1)),
      ),
    );
  floors.push(await batchedUpdates(database));
  report(results, floors);
  if (wants("one")) await oneByOne(call, database);
  const costs = { call, database, cpu: () => platformCpu(manager.pid, server.pid, hostPids) };
  const fair = wants("fair") ? await fairness(costs, Number(options.crowd)) : undefined;
  const life = wants("life") ? await lifeCycle(costs) : undefined;
  const growth = wants("growth")
    ? await growthOf(costs, options.growth.split(",").map(Number))
    : [];
  deliver(found(results, floors, { ...(fair ? { fair } : {}), ...(life ? { life } : {}), growth }));
  if (options.top) {
    await topStatements(database, "total_exec_time");
    await topStatements(database, "calls");
  }
  console.log(`load ${loadNow()} at the end`);
  await database.close();
}

function wants(what: string): boolean {
  return options.only === undefined || options.only.split(",").includes(what);
}

function platformCpu(manager: number, server: number, hostPids: readonly number[]): number {
  const hosts = hostPids.reduce((sum, pid) => sum + cpuOf(pid), 0);
  return cpuOf(manager) + cpuOfFamily(server) + hosts;
}

function found(
  results: readonly Result[],
  floors: readonly number[],
  {
    fair,
    life,
    growth,
  }: { fair?: readonly Figure[]; life?: readonly Figure[]; growth: readonly Curve[] },
): BenchResult {
  const rates = results.flatMap(
    ({ what, instances, perSecond, cpu, rows, logged, idle, seconds }): Figure[] => {
      const each = cpu.manager + cpu.PostgreSQL + cpu.hosts;
      return [
        {
          name: `rate, ${what}`,
          what: "durable deploys from the call to seen running, beside rows that the same PostgreSQL takes in batched updates",
          sides: [
            { name: "deploys", value: perSecond, unit: "/s" },
            { name: "rows updated", value: median(floors), unit: "/s" },
          ],
          goal: { of: "value", must: 1_500, better: 5_000, atLeast: true },
        },
        {
          name: `processor time, ${what}`,
          what: "of manager, PostgreSQL and simulated hosts for each deploy, beside what of it the hosts cost anyway meanwhile",
          sides: [
            { name: "deploy", value: each, unit: "ms" },
            { name: "idle share", value: (idle * seconds) / instances, unit: "ms" },
          ],
          goal: { of: "value", must: 1.2, better: 0.4 },
        },
        {
          name: `written, ${what}`,
          what: "versions of rows for each deploy, and the bytes of PostgreSQL's log",
          sides: [{ name: "rows", value: rows, unit: "rows" }],
        },
        {
          name: `logged, ${what}`,
          what: "bytes of PostgreSQL's log for each deploy",
          sides: [{ name: "log", value: logged, unit: "B" }],
        },
      ];
    },
  );
  return {
    bench: "deploy",
    what: `deploys on ${hosts} simulated hosts through API, manager, durable PostgreSQL and the agents' protocol, all on the same processors`,
    figures: [...rates, ...(fair ?? []), ...(life ?? [])],
    curves: growth,
    notes: [
      "Simulated hosts cost processor time of their own, which is in the figures.",
      `Measured on processes that have deployed ${warming * 1.2} before: they compile themselves meanwhile.`,
    ],
  };
}

async function create(call: Call, count: number): Promise<string> {
  const body = { count };
  const { job } = await call<{ job: string }>("POST", "/v1/projects/default/instances", body);
  return job;
}

/** `total` calls, so many at a time. How long each took, in milliseconds. */
async function many(
  total: number,
  atOnce: number,
  work: () => Promise<unknown>,
): Promise<readonly number[]> {
  const times: number[] = [];
  let left = total;
  const worker = async () => {
    while (left-- > 0) {
      const start = performance.now();
      await work();
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return times;
}

interface Subjects {
  readonly database: Database;
  readonly manager: number;
  readonly server: number;
  readonly hosts: readonly number[];
  readonly call: Call;
}

async function measure(
  what: string,
  instances: number,
  work: () => Promise<readonly number[]>,
  { database, manager, server, hosts: hostPids, call }: Subjects,
): Promise<Result> {
  const cpu = () => ({
    manager: cpuOf(manager),
    PostgreSQL: cpuOfFamily(server),
    hosts: hostPids.reduce((sum, pid) => sum + cpuOf(pid), 0),
    client: cpuOf(process.pid),
  });
  const sum = ({ manager: a, PostgreSQL: b, hosts: c }: ReturnType<typeof cpu>) => a + b + c;
  await sleep(3_000); // What the instances before have left to do is not what the platform costs at rest.
  const idleFrom = sum(cpu());
  await sleep(2_000);
  const idle = (sum(cpu()) - idleFrom) / 2;
  const before = { counts: await counts(database), running: await running(database), cpu: cpu() };
  const start = performance.now();
  const accepted = await work();
  while (await anyJob(database)) await sleep(20);
  const seconds = (performance.now() - start) / 1_000;
  await allUp(database);
  const after = { cpu: cpu(), counts: await counts(database) };
  await assertSeenRunning(call, before.running + instances);
  const each = (name: keyof Result["cpu"]) => (after.cpu[name] - before.cpu[name]) / instances;
  const per = (name: keyof Awaited<ReturnType<typeof counts>>) =>
    (after.counts[name] - before.counts[name]) / instances;
  return {
    what,
    instances,
    perSecond: instances / seconds,
    cpu: {
      manager: each("manager"),
      PostgreSQL: each("PostgreSQL"),
      hosts: each("hosts"),
      client: each("client"),
    },
    statements: per("statements"),
    rows: per("rows"),
    transactions: per("transactions"),
    logged: per("logged"),
    idle,
    seconds,
    accepted,
  };
}

/** Renewals of leases come every second whatever is deployed, and are left out. */
async function counts(database: Database) {
  await sleep(1_200); // Sessions report what they have written once a second.
  const [row] = await database.query<
    Record<"statements" | "rows" | "transactions" | "logged", number>
  >(
    `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as logged,
       (select sum(calls) from pg_stat_statements where query not like '%host_lease%')::float8 as statements,
       (select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables where relname not in ('host_lease', 'bench_floor'))::float8 as rows,
       (select sum(calls) from pg_stat_statements where query ilike 'commit')::float8 as transactions`,
  );
  return row ?? { statements: 0, rows: 0, transactions: 0, logged: 0 };
}

/** A job is over when the last of its instances runs. Asked often, so it must cost nothing: an index of those that are open. */
async function anyJob(database: Database): Promise<boolean> {
  const rows = await database.query("select from job where state = 'running' limit 1", []);
  return rows.length > 0;
}

async function running(database: Database): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    "select count(*)::int as count from instance where state = 'running'",
  );
  return row?.count ?? 0;
}

async function allUp(database: Database): Promise<void> {
  while (await anyJob(database)) await sleep(20);
  const failed = await database.query("select from job where state = 'failed' limit 1");
  if (failed.length > 0) throw new Error("a job has failed: what follows would measure nothing");
  // Of the table that is small, and seldom: to ask is no part of what a deploy costs.
  const isUp = async () =>
    (await database.query("select from incarnation where guest <> 'up' limit 1", [])).length === 0;
  while (!(await isUp())) await sleep(100);
}

async function assertSeenRunning(call: Call, expected: number): Promise<void> {
  let seen = 0;
  let after: string | null = null;
  do {
    const page: { instances: unknown[]; next: string | null } = await call(
      "GET",
      `/v1/projects/default/instances?state=running&limit=1000${after ? `&after=${after}` : ""}`,
    );
    seen += page.instances.length;
    after = page.next;
  } while (after);
  if (seen !== expected) throw new Error(`${seen} are seen running, expected ${expected}`);
}

function report(results: readonly Result[], floors: readonly number[]): void {
  const floor = median(floors);
  const heads = ["", "instances/s", "CPU ms each", "manager", "PostgreSQL", "hosts", "client"];
  const counted = [
    "statements",
    "rows",
    "commits",
    "WAL bytes",
    "idle ms/s",
    "202 after ms: median",
    "99 %",
  ];
  const platform = ({ cpu }: Result) => cpu.manager + cpu.PostgreSQL + cpu.hosts;
  const fixed = (value: number) => value.toFixed(2);
  const lines = results.map((result) => [
    result.what,
    whole(result.perSecond),
    fixed(platform(result)),
    ...(["manager", "PostgreSQL", "hosts", "client"] as const).map((name) =>
      fixed(result.cpu[name]),
    ),
    fixed(result.statements),
    fixed(result.rows),
    fixed(result.transactions),
    whole(result.logged),
    whole(result.idle),
    median(result.accepted).toFixed(1),
    percentile(result.accepted, 0.99).toFixed(1),
  ]);
  console.log(`\non ${hosts} simulated hosts (CPU, statements, rows, commits: per instance)\n`);
  console.log(table([[...heads, ...counted], ...lines]));
  console.log(
    `\nthe same PostgreSQL, batched updates of 1,000 rows: ${whole(floor)} rows/s (${floors.map(whole).join(", ")})`,
  );
  for (const result of results) {
    const written = result.perSecond * result.rows;
    console.log(
      `  ${result.what}: ${whole(written)} rows/s written, ${((written / floor) * 100).toFixed(0)} % of that; ` +
        `one instance for every ${(floor / result.perSecond).toFixed(0)} rows it could update`,
    );
  }
  console.log("\ngoals");
  for (const result of results) {
    console.log(
      verdict(`${result.what}, instances/s`, result.perSecond, {
        must: 1_500,
        better: 5_000,
        atLeast: true,
      }),
    );
    console.log(
      verdict(`${result.what}, CPU ms each`, platform(result), { must: 1.2, better: 0.4 }),
    );
    console.log(
      `                      (${whole(result.perSecond / ganeti.perSecond)} times Ganeti's rate, ` +
        `${whole(result.perSecond / novaPerSecond)} times Nova's, ${whole(ganeti.cpuMs / platform(result))} times less CPU than Ganeti, as measured elsewhere)`,
    );
  }
}

/** A lone create on an idle platform, again and again: how long until accepted, how long until running. */
async function oneByOne(call: Call, database: Database): Promise<void> {
  const accepted: number[] = [];
  const ran: number[] = [];
  const commit: number[] = [];
  for (let i = 0; i < 30; i++) {
    await sleep(100);
    const start = performance.now();
    const job = await create(call, 1);
    accepted.push(performance.now() - start);
    const path = `/v1/projects/default/jobs/${job}?waitSeconds=10`;
    while ((await call<{ state: string }>("GET", path)).state === "running");
    ran.push(performance.now() - start);
    const once = performance.now();
    await database.query("update bench_floor set value = value + 1 where id = 1");
    await call("GET", "/health");
    commit.push(performance.now() - once);
  }
  console.log("\none create at a time, 30 of them");
  console.log(
    `  202 after ${median(accepted).toFixed(1)} ms, running after ${median(ran).toFixed(1)} ms; ` +
      `one durable commit and one HTTP exchange: ${median(commit).toFixed(1)} ms`,
  );
  console.log(
    verdict("202 against commit and exchange", median(accepted) / median(commit), { must: 3 }),
  );
}

/** Where PostgreSQL's time went: the statements that took most of it. */
async function topStatements(
  database: Database,
  order: "total_exec_time" | "calls",
): Promise<void> {
  const rows = await database.query<{
    calls: number;
    total: number;
    mean: number;
    rows: number;
    query: string;
  }>(
    `select calls::float8 as calls, total_exec_time + total_plan_time as total, total_plan_time as mean, rows::float8 as rows,
       left(regexp_replace(query, '\\s+', ' ', 'g'), 90) as query
     from pg_stat_statements order by ${order} desc limit 25`,
  );
  const cells = rows.map(({ calls, total, mean, rows, query }) => [
    query,
    whole(calls),
    total.toFixed(0),
    mean.toFixed(3),
    whole(rows),
  ]);
  console.log(`\n${table([["statement", "calls", "total ms", "mean ms", "rows"], ...cells])}`);
  if (order === "calls") return;
  const tables = await database.query<{ relname: string; written: number }>(
    "select relname, (n_tup_ins + n_tup_upd + n_tup_del)::float8 as written from pg_stat_user_tables order by 2 desc limit 12",
  );
  console.log(
    `\n${table([["table", "rows"], ...tables.map((one) => [one.relname, whole(one.written)])])}`,
  );
}
