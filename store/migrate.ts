/**
 * Numbered SQL files, applied in order, forward only, each once.
 *
 * Two managers may start at the same moment: the first takes an advisory lock, the second waits and
 * then finds everything done. A file that was applied and has since changed is an error, because two
 * installations of the same version would no longer be the same.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { problem } from "@holdfast/kernel/problem";
import type { Database } from "./database.ts";

/** Any constant will do, as long as everybody uses the same. */
const migrationLock = 7_203_114;

interface Applied {
  readonly name: string;
  readonly checksum: string;
}

/** Brings the schema up to date. Returns the names of the files that were applied now. */
export async function migrate(database: Database, folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  if (names.length === 0) throw new Error(`no migrations in ${folder}`);
  return database.transaction(async (sql) => {
    await sql.query("select pg_advisory_xact_lock($1)", [migrationLock]);
    await sql.query(`create table if not exists schema_migration (
      name text primary key, checksum text not null, applied_at timestamptz not null default now())`);
    const applied = await sql.query<Applied>(
      "select name, checksum from schema_migration order by name",
    );
    const fresh: string[] = [];
    for (const name of names) {
      const text = await readFile(join(folder, name), "utf8");
      const checksum = createHash("sha256").update(text).digest("hex");
      const before = applied.find((row) => row.name === name);
      if (before && before.checksum !== checksum) throw changed(name);
      if (before) continue;
      await sql.query(text);
      await sql.query("insert into schema_migration (name, checksum) values ($1, $2)", [
        name,
        checksum,
      ]);
      fresh.push(name);
    }
    const unknown = applied.find((row) => !names.includes(row.name));
    if (unknown) throw newer(unknown.name);
    return fresh;
  });
}

const changed = (name: string) =>
  problem(
    "conflict",
    "migration_changed",
    `The migration ${name} was applied and has changed since.`,
    {
      fix: "Put the file back as it was, and write what is new into a file with a higher number.",
    },
  );

const newer = (name: string) =>
  problem(
    "conflict",
    "schema_too_new",
    `The database has the migration ${name}, which this version of Holdfast does not know.`,
    { fix: "Run the version that made it, or a later one. There is no way back." },
  );
