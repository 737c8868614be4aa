/**
 * Values by name that an agent keeps in one file: a line of JSON for each change, added to its end.
 *
 * A line costs one write into a file that is open, also for a hundred changes at once. A file for each value must be made, for which
 * ext4 looks for a number that nothing had in the last five minutes: a millisecond where much is deleted. What is cut short by
 * whoever kills the agent is half a line, and half of JSON is none: the line before it counts. Lines that do not count any more
 * stay until they are the larger part; then the file is written anew, beside, and whoever comes meanwhile waits. Nothing is synced:
 * after a power loss the newest lines may be missing, or all of them.
 */
import { type FileHandle, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "@holdfast/kernel/code-of";
import { parsed } from "@holdfast/kernel/parsed";
import type { z } from "zod";

export interface KeptLines<T> {
  /** Of those that were there when the file was opened; what is not of their shape any more is dropped. */
  readonly found: readonly T[];
  /** Changes are kept in the order of the calls. A value that is refused is as if it had not been said. */
  write(name: string, value: T): Promise<void>;
  /** Where that is refused, as by a full disk, it is gone as soon as the file can be written anew. */
  remove(name: string): Promise<void>;
  /** Resolves when what was asked for before is written. */
  close(): Promise<void>;
}

interface Change {
  readonly name: string;
  /** Undefined: it is removed. */
  readonly line: string | undefined;
}

/** In bytes: so little may be left lying. */
const tolerated = 64 * 1_024;

/** In a directory that is made if it is not there; of this user alone. */
export async function keptLines<T>(file: string, shape: z.ZodType<T>): Promise<KeptLines<T>> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.tmp`;
  await rm(temporary, { force: true }); // Left by an agent that was killed while it wrote.
  const { found, lines } = countIn(await textOf(file), shape);
  let handle = await openAt(file);
  let size = (await handle.stat()).size;
  let counting = [...lines.values()].reduce((sum, line) => sum + bytesOf(line), 0);
  /** What was refused may be there in part, or as a whole. */
  let isUnclear = false;
  let isOpen = true;
  let waiting: Change[] = [];
  let flushed: Promise<void> = Promise.resolve();
  let last: Promise<void> = Promise.resolve();
  await tidy();

  return {
    found,
    write: (name, value) => add({ name, line: JSON.stringify([name, value]) }),
    remove: (name) => add({ name, line: undefined }),
    async close() {
      isOpen = false;
      await last;
      await handle.close();
    },
  };

  /** Those of one breath, and all that come while others are being written, go along in one write. */
  async function add(change: Change): Promise<void> {
    if (!isOpen) throw new Error(`${file} is closed`);
    waiting.push(change);
    if (waiting.length > 1) return flushed;
    flushed = last.then(flush);
    last = flushed.then(tidy, tidy);
    return flushed;
  }

  async function flush(): Promise<void> {
    const changes = waiting;
    waiting = [];
    const text = changes.map(({ name, line }) => ended(line ?? JSON.stringify([name]))).join("");
    try {
      await handle.appendFile(text);
    } catch (error) {
      isUnclear = true;
      for (const { name, line } of changes) if (line === undefined) count(name, line);
      throw error;
    }
    size += Buffer.byteLength(text);
    for (const { name, line } of changes) count(name, line);
  }

  function count(name: string, line: string | undefined): void {
    counting += bytesOf(line) - bytesOf(lines.get(name));
    if (line === undefined) lines.delete(name);
    else lines.set(name, line);
  }

  /** What cannot be written anew now is tried again after the next change. */
  async function tidy(): Promise<void> {
    const isFull = size - counting > Math.max(tolerated, counting);
    if (!isFull && !isUnclear && (counting > 0 || size === 0)) return;
    try {
      if (counting === 0) await handle.truncate(0);
      else await writeAnew();
      size = counting;
      isUnclear = false;
    } catch {
      await rm(temporary, { force: true }).catch(() => {});
    }
  }

  async function writeAnew(): Promise<void> {
    const anew = await openAt(temporary);
    try {
      await anew.appendFile([...lines.values()].map(ended).join(""));
      await rename(temporary, file);
    } catch (error) {
      await anew.close();
      throw error;
    }
    const before = handle;
    handle = anew;
    await before.close().catch(() => {}); // Nobody reads it any more.
  }
}

/** The last line of each name, if it is of that shape. */
function countIn<T>(text: string, shape: z.ZodType<T>) {
  const lines = new Map<string, string>();
  const values = new Map<string, T>();
  for (const line of text.split("\n")) {
    const change: unknown = parsed(line);
    if (!Array.isArray(change) || typeof change[0] !== "string") continue;
    const [name] = change;
    lines.delete(name);
    values.delete(name);
    const read = shape.safeParse(change[1]);
    if (!read.success) continue;
    lines.set(name, line);
    values.set(name, read.data);
  }
  return { lines, found: [...values.values()] };
}

const textOf = (file: string): Promise<string> =>
  readFile(file, "utf8").catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return "";
    throw error;
  });

const openAt = (file: string): Promise<FileHandle> => open(file, "a", 0o600);

/** One that was cut short before it has no end: the next begins a line of its own. */
const ended = (line: string) => `\n${line}`;
const bytesOf = (line: string | undefined) =>
  line === undefined ? 0 : Buffer.byteLength(ended(line));
