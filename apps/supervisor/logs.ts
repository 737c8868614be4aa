/** Logs that do not fill the disk: one that has grown too long is copied aside and emptied in place. */
import { copyFile, readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";

/** Two of these are kept of each log: the one being written and the one before. */
const longest = 64 * 1024 * 1024;

/** In place, because whoever writes it holds it open for appending and would go on with a renamed file. */
export async function boundLogs(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.endsWith(".log")) continue;
    const file = join(directory, name);
    const { size } = await stat(file);
    if (size < longest) continue;
    await copyFile(file, `${file}.1`);
    await truncate(file);
  }
}
