/**
 * The guest's serial output as a file that QEMU appends to: kept small, searched for the line that
 * says the guest is up, and dated.
 *
 * Nobody dates the lines as they are written, so beside the log we note how far it had got when we
 * looked, at most ten times a second. A line's time is therefore when it was first seen or a little
 * later; of lines written while no agent ran, only the last one's is known and all get that.
 *
 * The log is cut by copying and truncating, because QEMU keeps it open. A guest that floods loses a
 * few lines at each cut. While somebody is connected to the console and slow to read, QEMU 7.2 writes
 * some characters into its log twice, which can spoil the very line that we look for: so what they
 * see is searched as well. Memory does not grow: all that is kept between two looks is one cut-off line.
 */
import { constants, type FSWatcher, watch } from "node:fs";
import { appendFile, type FileHandle, rename, writeFile } from "node:fs/promises";
import type { Clock, Instant } from "@holdfast/kernel/time";
import type { ConsoleLine } from "./driver.ts";
import { openPlain, type Paths, readOptional } from "./incarnation.ts";

export interface ConsoleLog {
  /** Whether the guest has said that it is ready since its last reset. */
  readonly isUp: boolean;
  /** Reads what is there now. */
  catchUp(): Promise<void>;
  /** What somebody at the console saw; see the trap above. */
  overhear(bytes: Uint8Array): void;
  /** It has said so where it came from. */
  believe(): Promise<void>;
  /** The guest begins anew: what it said so far no longer counts. */
  reset(): Promise<void>;
  close(): void;
}

const readyLine = /^.*holdfast: ready/m;
/** Between two looks at a guest that keeps writing, in milliseconds. */
const pause = 100;
const chunk = 64 * 1024;
const longestLine = 4096;
const mostLooks = 8192;

type Mark = "ready" | "reset" | "-";

/** Begins to watch. `limit` is in bytes, and one older file of that size is kept besides. */
export async function followConsole(
  paths: Paths,
  { limit, clock }: { readonly limit: number; readonly clock: Clock },
  onReady: () => void,
): Promise<ConsoleLog> {
  let { offset, isUp, looks } = await recall(paths);
  let unfinished = "";
  let overheard = "";
  let watcher: FSWatcher | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let turn: Promise<unknown> = Promise.resolve();

  await catchUp();
  listen();
  return {
    get isUp() {
      return isUp;
    },
    catchUp,
    overhear(bytes) {
      if (isUp) return;
      overheard = (overheard + Buffer.from(bytes).toString("latin1")).slice(-longestLine);
      if (readyLine.test(overheard)) void inTurn(() => becomeReady(clock.now()));
    },
    believe: () => inTurn(() => becomeReady(clock.now())),
    reset: () =>
      inTurn(async () => {
        await consume();
        isUp = false;
        unfinished = "";
        overheard = "";
        await note(clock.now(), "reset");
      }),
    close() {
      isClosed = true;
      watcher?.close();
      clearTimeout(timer);
    },
  };

  function catchUp(): Promise<void> {
    return inTurn(async () => void (await consume()));
  }

  /** One look at a time; a failed one (a full disk, say) does not spoil the next. */
  function inTurn(look: () => Promise<void>): Promise<void> {
    const done = turn.then(look);
    turn = done.catch(() => {});
    return done.catch(() => {});
  }

  /** The first byte wakes us, then we look every `pause` until it is quiet, then listen again. */
  function listen(): void {
    if (isClosed) return;
    try {
      watcher = watch(paths.consoleLog, { persistent: false }, () => wake());
      watcher.on("error", () => {});
    } catch {
      later(); // No watches left on this host: look now and then instead.
      return;
    }
    void inTurn(async () => {
      if (await consume()) wake(); // It wrote before the watch was set.
    });
  }

  function wake(): void {
    if (!watcher) return;
    watcher.close();
    watcher = undefined;
    void catchUp().then(later);
  }

  function later(): void {
    if (isClosed) return;
    timer = setTimeout(() => {
      void inTurn(async () => {
        if (await consume()) later();
        else listen();
      });
    }, pause);
  }

  /** Reads up to the end. True if there was anything. */
  async function consume(): Promise<boolean> {
    const file = await openPlain(paths.consoleLog, constants.O_RDWR).catch(() => undefined);
    if (!file) return false;
    try {
      const { size, mtimeMs } = await file.stat();
      if (size < offset) offset = 0; // Somebody else cut it.
      if (size === offset) return false;
      const said = await scan(file, size);
      const written = Math.round(mtimeMs);
      if (said) await becomeReady(written);
      else await note(written, "-");
      if (offset > limit) await cut(file);
      return true;
    } finally {
      await file.close();
    }
  }

  /** Once for each boot, however often it is said or seen. */
  async function becomeReady(at: number): Promise<void> {
    const isNews = !isUp;
    isUp = true;
    overheard = "";
    await note(at, "ready");
    if (isNews) onReady();
  }

  async function scan(file: FileHandle, size: number): Promise<boolean> {
    let said = false;
    const buffer = Buffer.alloc(Math.min(chunk, size - offset));
    while (offset < size) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
      if (bytesRead === 0) break;
      offset += bytesRead;
      const text = unfinished + buffer.toString("latin1", 0, bytesRead);
      const lastLine = text.lastIndexOf("\n") + 1;
      said ||= readyLine.test(text);
      unfinished = said ? "" : text.slice(Math.max(lastLine, text.length - longestLine));
    }
    return said;
  }

  async function cut(file: FileHandle): Promise<void> {
    const kept = Buffer.alloc(Math.min(limit, offset));
    const { bytesRead } = await file.read(kept, 0, kept.length, offset - kept.length);
    await writeFile(paths.consoleOld, kept.subarray(0, bytesRead), { mode: 0o600 });
    await rename(paths.consoleSeen, `${paths.consoleSeen}.1`);
    await file.truncate(0);
    const shift = offset - kept.length;
    offset = 0;
    looks = 0;
    await note(clock.now(), isUp ? "ready" : "reset", shift);
  }

  async function note(at: number, mark: Mark, shift = 0): Promise<void> {
    await appendFile(paths.consoleSeen, written({ offset, at, mark, shift }), { mode: 0o600 });
    if (++looks > mostLooks) looks = await thinOut(paths);
  }
}

/**
 * Cuts a console that nobody follows down to its last `keep` bytes, if it has more than `most`. What its
 * guest said before counts as it did; a `ready` in what was never read and is cut off is lost.
 */
export async function cutConsole(paths: Paths, keep: number, most: number): Promise<void> {
  const file = await openPlain(paths.consoleLog, constants.O_RDWR).catch(() => undefined);
  if (!file) return;
  try {
    const { size, mtimeMs } = await file.stat();
    if (size <= most) return;
    const { isUp } = await recall(paths);
    const mark = isUp ? "ready" : "reset";
    const at = Math.round(mtimeMs);
    await writeFile(paths.consoleOld, await readTail(paths.consoleLog, keep), { mode: 0o600 });
    const end = written({ offset: size, at, mark: "-", shift: 0 });
    await appendFile(paths.consoleSeen, end, { mode: 0o600 });
    await rename(paths.consoleSeen, `${paths.consoleSeen}.1`);
    await file.truncate(0);
    const begin = written({ offset: 0, at, mark, shift: size - keep });
    await writeFile(paths.consoleSeen, begin, { mode: 0o600 });
  } finally {
    await file.close();
  }
}

/** The last lines, oldest first, as text that cannot drive a terminal. */
export async function readConsole(paths: Paths, lines: number): Promise<readonly ConsoleLine[]> {
  if (lines <= 0) return [];
  const seen = parseSeen(await readOptional(paths.consoleSeen));
  const seenBefore = parseSeen(await readOptional(`${paths.consoleSeen}.1`));
  const before = dated(await readTail(paths.consoleOld), seenBefore, seen[0]?.shift ?? 0);
  const now = dated(await readTail(paths.consoleLog), seen, 0);
  return [...before, ...now].slice(-lines);
}

/** The last `bytes` of a file as text, empty if there is no such file. */
export async function readTail(path: string, bytes = 1 << 21): Promise<string> {
  const file = await openPlain(path, constants.O_RDONLY).catch(() => undefined);
  if (!file) return "";
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(bytes, size));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A line without the control characters that a guest could use to write on somebody's screen. */
export function plainText(line: string): string {
  return (
    line
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed here
      .replace(/\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[@-_a-z])?|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "")
      .slice(0, longestLine)
  );
}

/** One look at the log: how far it had got, and when. */
interface Look {
  readonly offset: number;
  readonly at: number;
  readonly mark: Mark;
  /** On the first note after a cut: where in the old log the kept part began. */
  readonly shift: number;
}

/** Pairs each line with the first look that had got past it. */
function dated(text: string, seen: readonly Look[], shift: number): readonly ConsoleLine[] {
  let offset = shift;
  let look = 0;
  const last = seen.at(-1)?.at;
  return text.split("\n").flatMap((line, index, all) => {
    const isCutOff = index === all.length - 1;
    offset += Buffer.byteLength(line) + (isCutOff ? 0 : 1);
    while (look < seen.length && (seen[look]?.offset ?? 0) < offset) look++;
    const at = seen[look]?.at ?? last;
    return at === undefined || (isCutOff && line === "")
      ? []
      : [{ at: at as Instant, text: plainText(line) }]; // From a clock, through a file.
  });
}

/** Where an earlier agent stopped reading, and what it had learnt. */
async function recall(paths: Paths) {
  const seen = parseSeen(await readOptional(paths.consoleSeen));
  const mark = seen.findLast(({ mark }) => mark !== "-")?.mark;
  return { offset: seen.at(-1)?.offset ?? 0, isUp: mark === "ready", looks: seen.length };
}

/** Forgets every second look: a guest that drips must not fill the disk with dates. */
async function thinOut(paths: Paths): Promise<number> {
  const seen = parseSeen(await readOptional(paths.consoleSeen));
  const kept = seen.filter(
    ({ mark }, index) =>
      index === 0 || index === seen.length - 1 || mark !== "-" || index % 2 === 0,
  );
  await writeFile(`${paths.consoleSeen}.new`, kept.map(written).join(""), { mode: 0o600 });
  await rename(`${paths.consoleSeen}.new`, paths.consoleSeen);
  return kept.length;
}

const written = ({ offset, at, mark, shift }: Look) => `${offset} ${at} ${mark} ${shift}\n`;

const parseSeen = (text: string): readonly Look[] =>
  text.split("\n").flatMap((line) => {
    const [offset, at, mark, shift] = line.split(" ");
    if (shift === undefined) return []; // The last line ends here, or was cut short.
    return [
      {
        offset: Number(offset),
        at: Number(at),
        mark: mark === "ready" || mark === "reset" ? mark : "-",
        shift: Number(shift),
      },
    ];
  });
