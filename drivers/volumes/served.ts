/**
 * One volume on a storage host, with the daemon that serves it to whoever has it open and to nobody else.
 *
 * What is written down about who has it open is the truth; the daemon is made to follow it, again and again. Only
 * a cut goes the other way round: see `cut`. Calls come one after the other (`alone`); nothing here is safe if
 * two of them run at once.
 */
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { BlockSource } from "@holdfast/kernel/block";
import { milliseconds } from "@holdfast/kernel/time";
import { type Ask, isRecord, QmpRefusal } from "../hypervisor/qmp.ts";
import { turns } from "../hypervisor/turns.ts";
import {
  type Conversation,
  connect,
  type DaemonPaths,
  makeRoom,
  servingDaemon,
  theDisk,
} from "./daemon.ts";
import { type DoorKeys, doorway } from "./doors.ts";
import type { Opener } from "./driver.ts";
import { type Exports, nameOf, readExports, writeExports } from "./exports.ts";
import { nbdSource } from "./nbd-source.ts";
import { exists } from "./place.ts";
import { daemonFailed } from "./problems.ts";
import { meaning } from "./programs.ts";
import { explain, type Service } from "./service.ts";

/** Where guests of other hosts come in; see doors.ts. */
export interface Listen {
  readonly address: string;
  /** One for each volume that is open. */
  readonly ports: { readonly first: number; readonly count: number };
  /** In the clear if not given. */
  readonly keys?: DoorKeys;
}

export interface Served {
  readonly file: string;
  readonly exports: Exports;
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** Writes down who has it open. */
  keep(exports: Exports): Promise<void>;
  /** Makes it so: the daemon runs if somebody has the volume open, with exactly their exports. */
  serve(): Promise<void>;
  /** The same in a while, whether it works or not. */
  soon(): void;
  /** Who is not in `after` is cut off when this resolves. The others go on, after a moment if need be. */
  cut(after: Exports): Promise<void>;
  /** Takes everybody's export away, for what cannot be done otherwise. `serve` gives it back. */
  withhold(): Promise<void>;
  /** The daemon, which is started if it is not there, and anew if it does not answer. */
  ask(): Promise<Ask>;
  /** For a guest on this host. */
  source(opener: Opener): BlockSource;
  close(): void;
}

/** How long a daemon may take to let go of an export. Then it is killed, which is a cut as well. */
const cutTime = 2_000;

export async function serving(
  file: string,
  bookFile: string,
  paths: DaemonPaths,
  listen: Listen | undefined,
): Promise<Served> {
  const daemon = servingDaemon(file, paths);
  const inOrder = turns(1);
  let exports = await readExports(bookFile);
  let talk: Conversation | undefined;
  let isOpen = true;

  return {
    file,
    get exports() {
      return exports;
    },
    alone: inOrder,
    async keep(next) {
      if (next !== exports) await writeExports(bookFile, next);
      exports = next;
    },
    serve,
    soon,
    async cut(after) {
      const kept = after.openers.map(nameOf);
      if (!(await daemon.isAlive())) return;
      try {
        await inTime(cutTime, () => removeAllBut(kept));
      } catch {
        hangUp();
        await daemon.end(milliseconds(0)); // Rejects if it is still there: then nothing is cut.
      }
    },
    withhold: () => removeAllBut([]),
    ask: async () => (await converse()).ask,
    source: (opener) => nbdSource(paths.socket, paths.door, nameOf(opener)),
    close() {
      isOpen = false;
      hangUp();
    },
  };

  async function serve(): Promise<void> {
    const wanted = exports.openers.map(nameOf);
    if (wanted.length === 0) return stop();
    const { ask } = await converse();
    await removeAllBut(wanted);
    const there = await exportsOf(ask);
    for (const id of wanted) {
      if (there.includes(id)) continue;
      const what = { type: "nbd", id, name: id, "node-name": theDisk.node, writable: true };
      await ask("block-export-add", what);
    }
    await doorOf()?.ensure();
  }

  async function stop(): Promise<void> {
    if (!(await exists(paths.directory))) return;
    await doorOf()?.end();
    hangUp();
    await daemon.end();
    await rm(paths.directory, { recursive: true, force: true });
  }

  /** To end it takes no port. */
  function doorOf(): Service | undefined {
    if (!listen) return undefined;
    const { address, keys } = listen;
    return doorway(paths.directory, paths.socket, { address, port: exports.port ?? 0 }, keys);
  }

  async function removeAllBut(kept: readonly string[]): Promise<void> {
    const { ask } = await converse();
    for (const id of await exportsOf(ask)) if (!kept.includes(id)) await removeExport(ask, id);
  }

  async function converse(): Promise<Conversation> {
    if (talk && (await daemon.isAlive())) return talk;
    for (let tries = 2; ; tries--) {
      await makeRoom(paths);
      await daemon.ensure();
      try {
        let mine: Conversation | undefined;
        const isOver = async () => !(await daemon.isAlive());
        mine = await connect(paths.monitor, isOver, () => mine && lost(mine));
        talk = mine;
        return mine;
      } catch (error) {
        const log = await daemon.log();
        await daemon.end(milliseconds(0));
        if (tries <= 1) throw log ? logged(log) : error;
      }
    }
  }

  function hangUp(): void {
    const last = talk;
    talk = undefined;
    last?.close();
  }

  /** Guests wait for it: nobody else need notice first. */
  function lost(mine: Conversation): void {
    if (talk !== mine) return;
    talk = undefined;
    soon();
  }

  function soon(): void {
    if (isOpen) void inOrder(serve).catch(() => {}); // Whoever tends it tries again.
  }
}

async function exportsOf(ask: Ask): Promise<readonly string[]> {
  const answer = await ask("query-block-exports");
  return (Array.isArray(answer) ? answer : []).filter(isRecord).map(({ id }) => String(id));
}

/** Resolves when its last request is over and its clients are gone. */
async function removeExport(ask: Ask, id: string): Promise<void> {
  await ask("block-export-del", { id, mode: "hard" }).catch((error) => {
    if (!(error instanceof QmpRefusal)) throw error; // It is going, or gone.
  });
  const deadline = performance.now() + cutTime;
  while ((await exportsOf(ask)).includes(id)) {
    if (performance.now() > deadline) throw daemonFailed(`export ${id} does not go`);
    await sleep(1);
  }
}

async function inTime(limit: number, work: () => Promise<void>): Promise<void> {
  let late: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(daemonFailed("it did not answer in time")), limit);
  });
  await Promise.race([work(), over]).finally(() => clearTimeout(late));
}

function logged(log: string): unknown {
  const problem = meaning(log);
  return problem instanceof Error && problem.name === "Problem" ? problem : explain(log);
}
