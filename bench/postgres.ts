/** What PostgreSQL itself can do on this machine, for benches to be measured against, and what it was asked. */
import type { Database } from "@holdfast/store/database";
import { table, whole } from "./measure.ts";

/** Rows a second in durable updates of a thousand rows of another table, one client, two seconds. */
export async function batchedUpdates(database: Database): Promise<number> {
  await database.query(
    "create table if not exists bench_floor (id int primary key, value int not null, said text not null) with (fillfactor = 70)",
  );
  await database.query(
    "insert into bench_floor select n, 0, repeat('x', 100) from generate_series(1, 20000) n on conflict do nothing",
  );
  const batch = 1_000;
  let rows = 0;
  const start = performance.now();
  while (performance.now() - start < 2_000) {
    const first = rows % 20_000;
    const ids = Array.from({ length: batch }, (_, i) => first + i + 1);
    await database.query(
      "update bench_floor f set value = d.value from unnest($1::int[], $2::int[]) d (id, value) where f.id = d.id",
      [ids, ids.map((id) => id + rows)],
    );
    rows += batch;
  }
  return (rows / (performance.now() - start)) * 1_000;
}

/** What it was asked, by the time that it took. `seconds`: how long that was. */
export async function statementsOf(database: Database, seconds: number): Promise<string> {
  const rows = await database.query<{ calls: number; total: number; rows: number; query: string }>(
    `select calls::float8 as calls, total_exec_time + total_plan_time as total, rows::float8 as rows,
       left(regexp_replace(query, '\\s+', ' ', 'g'), 100) as query
     from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())
     order by 2 desc limit 25`,
  );
  const cells = rows.map(({ query, calls, total, rows }) => [
    query,
    ...[(calls / seconds).toFixed(1), (total / seconds).toFixed(2), whole(rows / seconds)],
  ]);
  return table([["statement", "calls/s", "ms/s", "rows/s"], ...cells]);
}
