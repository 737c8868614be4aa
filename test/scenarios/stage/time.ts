/**
 * The time of the scenarios. It stands still for as long as anything is going on, and when everybody waits
 * it goes on at once to the next moment that somebody waits for.
 *
 * Programs, sockets and PostgreSQL are real; only the clocks are ours, all of them: timers and clocks of this
 * process, and `now()` in the databases. So a busy machine tells the same story as an idle one, every duration is
 * that of production, and a minute of waiting costs nothing.
 *
 * What a newcomer would get wrong: work that nobody here can see (a server that is starting) takes no time
 * unless time is held for it; see `holding`.
 */

import { webcrypto } from "node:crypto";
import { chmodSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "@holdfast/store/database";
import { handOverTimers, type Planned, real } from "../../../apps/simulator/timers.ts";

/**
 * Certificates are dated by this clock and judged by that of the machine, and here time runs faster: so it
 * begins long before.
 */
const headStart = 12 * 3_600_000;
const beganAt = Date.now() - headStart;
/** For so long nothing may be heard of what is under way before it counts as something that waits for us; real milliseconds. */
const patience = 500;
/** Time goes in steps, as that of a kernel does: what is due within one happens together. Milliseconds. */
const step = 20;

interface Due extends Planned {
  readonly act: () => void;
  readonly interval: number | undefined;
  at: number;
  order: number;
}

let now = 0;
let orders = 0;
let users = 0;
let holds = 0;
let sums = 0;
let file: { readonly directory: string; readonly handle: number } | undefined;
const waiting = new Set<Due>();
/** Who knows of something that is under way outside of this process. */
const watchers = new Set<() => boolean>();

/** From now on this process lives in our time. Once per process, before anything that keeps time is imported. */
export function takeOverTime(): void {
  handOverTimers({ beganAt, now: () => now, plan });
  seeCryptography();
}

function plan(act: () => void, delay: number, interval: number | undefined): Due {
  const due = { act, interval, at: dueIn(delay), order: orders++, isOver: false };
  waiting.add(due);
  return due;
}

/** It is done on other threads, and nothing of Node's tells of it. */
function seeCryptography(): void {
  const prototype: object = Object.getPrototypeOf(webcrypto.subtle);
  for (const name of Object.getOwnPropertyNames(prototype)) {
    const work: unknown = Reflect.get(prototype, name);
    if (name === "constructor" || typeof work !== "function") continue;
    const seen = function (this: unknown, ...given: unknown[]) {
      sums++;
      return Reflect.apply(work, this, given).finally(() => sums--);
    };
    Object.defineProperty(prototype, name, { value: seen, configurable: true, writable: true });
  }
}

/** Time goes on only while somebody uses it. Returns what ends that. */
export function useTime(): () => void {
  if (users++ === 0) void run();
  return () => void users--;
}

/** While this work is done, which goes on outside of our sight, time goes no faster than it really does. */
export async function holding<T>(work: () => Promise<T>): Promise<T> {
  holds++;
  try {
    return await work();
  } finally {
    holds--;
  }
}

/** Time stands still while this says true. Returns what forgets it again. */
export function watchWork(isUnderWay: () => boolean): () => void {
  watchers.add(isUnderWay);
  return () => void watchers.delete(isUnderWay);
}

/** For this database, too. By a file, which is the quickest way to tell every connection at once. */
export async function tellTime(owner: Sql, database: string): Promise<void> {
  const path = join(openFile().directory, "now");
  const read = `select to_timestamp(pg_read_file('${path}')::float8 / 1000)`;
  for (const name of ["now", "clock_timestamp"])
    await owner.query(
      `create function public.${name}() returns timestamptz language sql stable security definer as $$ ${read} $$`,
    );
  // A default names the function that was meant when its table was made.
  const defaults = await owner.query<{ table: string; column: string }>(
    `select table_name as "table", column_name as "column" from information_schema.columns
     where table_schema = 'public' and column_default = 'now()'`,
  );
  for (const { table, column } of defaults)
    await owner.query(`alter table ${table} alter ${column} set default public.now()`);
  await owner.query(`alter database ${database} set search_path = public, pg_catalog`);
}

function openFile() {
  if (file) return file;
  const directory = mkdtempSync(join(tmpdir(), "hf-time-"), { encoding: "utf8" });
  chmodSync(directory, 0o755); // The server of the databases is another user.
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  file = { directory, handle: openSync(join(directory, "now"), "w", 0o644) };
  writeNow();
  return file;
}

function writeNow(): void {
  if (file) writeSync(file.handle, (beganAt + now).toFixed(3), 0);
}

const dueIn = (delay: number) => Math.ceil((now + delay) / step) * step;

async function run(): Promise<void> {
  let heldSince: number | undefined;
  while (users > 0) {
    const isHeld = await calm();
    const next = earliest();
    if (!next) continue;
    heldSince = isHeld ? (heldSince ?? real.now()) : undefined;
    if (heldSince !== undefined && real.now() - heldSince < next.at - now) continue;
    heldSince = undefined;
    now = Math.max(now, next.at);
    writeNow();
    fire(next);
    // Whatever is due at the same moment: they do not know of each other.
    for (let also = earliest(); also && also.at <= now; also = earliest()) fire(also);
  }
}

function earliest(): Due | undefined {
  let first: Due | undefined;
  for (const due of waiting)
    if (due.isOver) waiting.delete(due);
    else if (!first || due.at < first.at || (due.at === first.at && due.order < first.order))
      first = due;
  return first;
}

function fire(due: Due): void {
  if (due.interval === undefined) due.isOver = true;
  else Object.assign(due, { at: dueIn(due.interval), order: orders++ });
  due.act();
}

/**
 * Resolves when the event loop has turned twice and nothing has come, and nothing is under way. True if
 * something still is that may take long: then time may go on, but no faster than it really does.
 */
async function calm(): Promise<boolean> {
  let seen = events();
  let quietSince = real.now();
  for (let turns = 0; turns < 2; ) {
    await new Promise((resolve) => real.setImmediate(resolve));
    const count = events();
    if (count !== seen) {
      seen = count;
      turns = 0;
      quietSince = real.now();
    } else if (sums > 0 || (isUnderWay() && real.now() - quietSince < patience)) {
      turns = 0;
      await new Promise((resolve) => real.setTimeout(resolve, 1));
    } else turns++;
  }
  const isHeld = holds > 0 || isUnderWay();
  if (isHeld) await new Promise((resolve) => real.setTimeout(resolve, 1)); // It needs a processor, too.
  return isHeld;
}

const events = () => performance.nodeTiming.uvMetricsInfo.events;

function isUnderWay(): boolean {
  for (const watcher of watchers) if (watcher()) return true;
  return process.getActiveResourcesInfo().some((name) => requests.test(name));
}

/** What the operating system is doing for this process, as Node names it. */
const requests = /^(FSReq|TCPConnectWrap|PipeConnectWrap|GetAddrInfo|WriteWrap|ShutdownWrap)/;
