/**
 * Stamps as files: `<pool>/.holdfast/alive/<host>` holds the number that moves whenever a manager has
 * answered that host.
 *
 * A stamp is written over the old one in one piece of fixed length. Emptying the file first would let
 * others see a stamp that has moved when it has not, and cost guests their excuse.
 */
import { constants } from "node:fs";
import { mkdir, open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StampFolder } from "./pool-watch.ts";

const stampLength = 24;

/** The pool's directory itself must be there: to make it would hide that a file system is not mounted. */
export function stampFolder(pool: string): StampFolder {
  const own = join(pool, ".holdfast");
  const alive = join(own, "alive");
  const probes = join(own, "probe");
  return {
    write: (host, stamp) => put(alive, host, stamp),
    probe: (host) => put(probes, host, "probe"),
    async read() {
      const hosts = await readdir(alive).catch((error) => {
        if (error?.code === "ENOENT") return readdir(pool).then(() => []);
        throw error;
      });
      const stamps = await Promise.all(
        hosts.map(
          async (host) => [host, (await readFile(join(alive, host), "latin1")).trim()] as const,
        ),
      );
      return new Map(stamps.filter(([, stamp]) => stamp !== ""));
    },
  };

  async function put(directory: string, host: string, text: string): Promise<void> {
    if (!/^[\w.-]+$/.test(host)) throw new Error(`${host} is no name for a file`);
    const file = await open(
      join(directory, host),
      constants.O_WRONLY | constants.O_CREAT,
      0o644,
    ).catch(async (error) => {
      if (error?.code !== "ENOENT") throw error;
      await readdir(pool);
      for (const each of [own, directory]) await mkdir(each).catch(ignoreExisting);
      return open(join(directory, host), constants.O_WRONLY | constants.O_CREAT, 0o644);
    });
    try {
      await file.write(`${text.padEnd(stampLength - 1)}\n`, 0, "latin1");
    } finally {
      await file.close(); // Over NFS this is what brings it to the server.
    }
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
