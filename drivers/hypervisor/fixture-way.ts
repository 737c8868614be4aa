/** The way between two hosts of a test on one machine: from one Unix socket to another, and it can be cut. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Way } from "./contract-migration.ts";
import type { Landing } from "./driver.ts";

export async function unixWay({ memory, disks }: Landing): Promise<Way> {
  const directory = mkdtempSync(join(tmpdir(), "hf-way-"));
  const open = new Set<Socket>();
  const servers: Server[] = [];
  const door = async (name: string, to: string) => {
    const path = join(directory, name);
    const server = createServer((from) => {
      const onward = connect(to);
      for (const [one, other] of [
        [from, onward],
        [onward, from],
      ] as const) {
        open.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          open.delete(one);
          other.end();
        });
        one.pipe(other);
      }
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    servers.push(server);
    return path;
  };
  const way = { memory: await door("memory", memory), disks: await door("disks", disks) };
  chmodSync(directory, 0o711);
  return {
    ...way,
    cut() {
      for (const socket of open) socket.destroy();
      for (const server of servers) server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
