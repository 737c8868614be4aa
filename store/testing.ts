/**
 * A database of its own for every test, on one throw-away server.
 *
 * `npm test` starts the server once and hands its address down in HOLDFAST_TEST_DATABASE; a test file run
 * by itself starts its own and stops it when the process ends. Databases are copies of a template that
 * was migrated once, which takes 30 ms instead of a second.
 */
import { rmSync } from "node:fs";
import { mkdtemp, rm, statfs } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { connectDatabase, type Database } from "./database.ts";
import { launchEmbedded, prepareEmbedded, settleEmbedded } from "./embedded.ts";
import { migrate } from "./migrate.ts";

/** Found by the package's name: bundled into a program, this file is elsewhere. */
export const migrations = join(
  dirname(createRequire(import.meta.url).resolve("@holdfast/store/migrate")),
  "migrations",
);

export interface TestServer {
  /** Of the template database, as owner. */
  readonly url: string;
  stop(): Promise<void>;
}

/** A server that can be killed, for tests of what comes afterwards. */
export interface MortalServer extends TestServer {
  /** Kills the postmaster with SIGKILL; its children end by themselves when they notice. */
  kill(): void;
  /** Starts it again on the same data, as often as it takes. */
  revive(): Promise<void>;
}

/** Starts an empty server in a temporary directory; in memory if nobody wants its data again. */
export async function startTestServer(isDurable = false): Promise<MortalServer> {
  const root = isDurable ? tmpdir() : await forgetfulFolder();
  const directory = await mkdtemp(join(root, "holdfast-db-"));
  const options = { directory, port: await freePort(), user: "holdfast-db", isDurable };
  const urls = await prepareEmbedded(options);
  let pid = await launchEmbedded(options);
  const atExit = () => {
    if (isAlive(pid)) process.kill(pid, "SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  };
  process.once("exit", atExit);
  // A test that is broken off must not leave its server behind; these end a process without `exit`.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
    process.once(signal, () => process.exit(1));
  await settleEmbedded(options, urls);
  const database = connectDatabase({ url: urls.owner });
  await migrate(database, migrations);
  await database.close();
  return {
    url: urls.owner,
    kill: () => void process.kill(pid, "SIGKILL"),
    async revive() {
      const isUp = () =>
        settleEmbedded(options, urls).then(
          () => true,
          () => false,
        );
      // Refused for as long as a child of the one before still holds the shared memory.
      for (let attempt = 1; ; attempt++) {
        pid = await launchEmbedded(options);
        if (await isUp()) return;
        if (attempt === 30) throw new Error("the test server does not come back");
      }
    },
    async stop() {
      process.off("exit", atExit);
      if (isAlive(pid)) process.kill(pid, "SIGINT");
      while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The programs, and more databases than any test has. */
const roomInMemory = 4 * 2 ** 30;

/**
 * A database is some seven hundred files. A disk that has just deleted as many is slow to make them: that was a tenth of
 * what a simulated cloud costs.
 */
export async function forgetfulFolder(): Promise<string> {
  const memory = "/dev/shm";
  const found = await statfs(memory).catch(() => undefined);
  return found && found.bavail * found.bsize >= roomInMemory ? memory : tmpdir();
}

export interface TestDatabase {
  /** As the owner of the schema. */
  readonly database: Database;
  readonly url: string;
  drop(): Promise<void>;
}

let shared: Promise<TestServer> | undefined;

/** A fresh, migrated database. */
export async function testDatabase(): Promise<TestDatabase> {
  const given = process.env.HOLDFAST_TEST_DATABASE;
  shared ??= given ? Promise.resolve({ url: given, stop: async () => {} }) : startTestServer();
  const server = await shared;
  const name = `test_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
  const admin = connectDatabase({ url: named(server.url, "postgres"), connections: 1 });
  await admin.query(`create database ${name} template holdfast strategy file_copy`);
  const url = named(server.url, name);
  const database = connectDatabase({ url });
  return {
    database,
    url,
    async drop() {
      await database.close();
      await admin.query(`drop database ${name} with (force)`);
      await admin.close();
    },
  };
}

/**
 * What all tests of a file have in common: made now, and ended after the last of them, with the server. For the top of a test
 * file; a file that makes its databases otherwise calls `stopTestServer` itself.
 */
export async function forAllTests<Made>(
  make: () => Promise<Made>,
  end: (made: Made) => Promise<void>,
): Promise<Made> {
  const making = make();
  after(async () => {
    await end(await making);
    await stopTestServer();
  });
  return making;
}

/** Call from `after` in every test file that uses `testDatabase`. */
export async function stopTestServer(): Promise<void> {
  const server = await shared;
  shared = undefined;
  await server?.stop();
}

function named(url: string, database: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${database}`;
  return parsed.href;
}

/**
 * One that nobody has now, and that nobody is given later either: below those that the kernel gives to outgoing
 * connections, of which one would be taken now and then between this and whoever listens on it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
