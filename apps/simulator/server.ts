/**
 * The throw-away PostgreSQL of simulated worlds: a database for each, made from a template.
 *
 * In there, time is the world's and ids are counted; nothing is vacuumed behind its back. So the same statements
 * in the same order find the same rows in the same order.
 */
import { chmodSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { forgetfulFolder, startTestServer } from "@holdfast/store/testing";
import pg from "pg";
import { worldMoment } from "./time.ts";

export interface Databases {
  /** A fresh one. Its clock shows what `tell` was last called at. */
  open(): Promise<{ readonly url: string; drop(): Promise<void> }>;
  /** The world's time, if it is another than before. */
  tell(): void;
  close(): Promise<void>;
}

/**
 * On a server of its own, started before time is taken over: which transactions are under way is one list for all
 * databases of a server, and the journal is read as far as they let it. `url`: one that is there, and that nobody uses
 * meanwhile.
 */
export async function openDatabases(url?: string): Promise<Databases> {
  const server = url === undefined ? await startTestServer() : { url, stop: async () => {} };
  const directory = mkdtempSync(join(await forgetfulFolder(), "hf-world-"));
  chmodSync(directory, 0o755); // The server of the databases is another user.
  const file = join(directory, "now");
  const handle = openSync(file, "w", 0o644);
  let told = -1;
  tell();
  const admin = await connect(named(server.url, "postgres"));
  await admin.query("alter system set autovacuum = off");
  await admin.query("select pg_reload_conf()");
  const template = `world_${process.pid}`;
  await admin.query(`create database ${template} template holdfast strategy file_copy`);
  const owner = await connect(named(server.url, template));
  await prepare(owner, file, template);
  await owner.end();
  let made = 0;

  return {
    async open() {
      const name = `${template}_${++made}`;
      await admin.query(`create database ${name} template ${template} strategy file_copy`);
      await admin.query(`alter database ${name} set search_path = public, pg_catalog`);
      return {
        url: named(server.url, name),
        drop: async () => void (await admin.query(`drop database ${name} with (force)`)),
      };
    },
    tell,
    async close() {
      await admin.query(`drop database ${template} with (force)`);
      await admin.end();
      rmSync(directory, { recursive: true, force: true });
      await server.stop();
    },
  };

  function tell(): void {
    const now = worldMoment();
    if (now === told) return;
    told = now;
    writeSync(handle, now.toFixed(3), 0);
  }
}

async function prepare(owner: pg.Client, file: string, database: string): Promise<void> {
  const read = `select to_timestamp(pg_read_file('${file}')::float8 / 1000)`;
  for (const name of ["now", "clock_timestamp"])
    await owner.query(
      `create function public.${name}() returns timestamptz language sql stable security definer as $$ ${read} $$`,
    );
  await owner.query("create sequence public.made_ids");
  await owner.query(
    `create function public.gen_random_uuid() returns uuid language sql volatile security definer
     as $$ select overlay(overlay(md5('made ' || nextval('public.made_ids')) placing '4' from 13) placing '8' from 17)::uuid $$`,
  );
  // A default names the function that was meant when its table was made.
  const { rows: defaults } = await owner.query<{ table: string; column: string }>(
    `select table_name as "table", column_name as "column" from information_schema.columns
     where table_schema = 'public' and column_default = 'now()'`,
  );
  for (const { table, column } of defaults)
    await owner.query(`alter table ${table} alter ${column} set default public.now()`);
  const { rows: tables } = await owner.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'public'",
  );
  for (const { name } of tables)
    await owner.query(`alter table public.${name} set (autovacuum_enabled = false)`);
  await owner.query(`alter database ${database} set search_path = public, pg_catalog`);
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

function named(url: string, database: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${database}`;
  return parsed.href;
}
