/**
 * Where one incarnation lives on disk, and the few facts that outlive the agent.
 *
 * `<runDir>/<instance>/g<generation>/` belongs to root and holds what we trust: who won the right to
 * launch (`started`), who runs (`pid`), how it ended (`exit`). `vm/` inside it belongs to the guest's
 * own user and holds what QEMU makes: sockets and the console log. Do not merge the two: a guest that
 * breaks out of QEMU could then write its own death certificate, or point `exit` at /etc/passwd.
 */
import { constants } from "node:fs";
import { type FileHandle, open, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "@holdfast/kernel/code-of";
import type { InstanceId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import { type Begun, type Exit, type MachineRef, noEvidence } from "./driver.ts";

/** What is written down before a launch, so that a later agent can take over. */
export interface LaunchRecord {
  readonly name: string;
  readonly uid: number;
  /** Process ids mean nothing after a reboot of the host. */
  readonly bootId: string;
  readonly at: Instant;
  readonly requestId: string;
  /** Files of disks that were handed to the guest's user, to be taken back when it ends. */
  readonly lent: readonly string[];
  /** Which of them for which disk, and the directories that were opened to it. */
  readonly disks?: readonly LentDisk[];
  /** Its volume is where another host can reach it: see fenceable.ts. */
  readonly isFenceable?: boolean;
  readonly cpus?: number;
  /** It was launched to wait for its memory, and has not been let run. */
  readonly arrival?: { readonly isUp: boolean };
  readonly begun?: Begun;
  /** It was launched with the memory of a template, and has not been let run. */
  readonly warming?: { readonly isPaused: boolean };
  /** Name of its cgroup, if that is not its key: it began in a process that was on standby. */
  readonly group?: string;
}

export interface LentDisk {
  readonly id: string;
  readonly files: readonly string[];
  readonly doors: readonly string[];
}

export type Paths = ReturnType<typeof pathsOf>;

/** What `started` says when the right to launch was taken only to deny it to everybody else. */
export const sealed = "sealed\n";

/** In the run directory, beside the instances: processes that wait to become one of them. */
export const standbyDirectory = "standby";

/** Linux: `sun_path` has 108 bytes, the last one zero. */
const longestSocketPath = 107;

export const keyOf = ({ id, generation }: MachineRef) => `${id}.g${generation}`;

export function pathsOf(runDir: string, { id, generation }: MachineRef) {
  const instance = join(runDir, id);
  return {
    instance,
    /** The highest generation seen here, once its own directory is gone. */
    tombstone: join(instance, "generation"),
    ...pathsIn(join(instance, `g${generation}`)),
  } as const;
}

/** What is in the directory of one incarnation, or of what may yet become one. */
export function pathsIn(dir: string) {
  const vm = join(dir, "vm");
  return {
    dir,
    vm,
    metadata: join(dir, "metadata"),
    /** What is on the disk for cloud-init. */
    seed: join(dir, "seed"),
    /** Who a guest is that began in a process on standby. */
    identity: join(dir, "identity.rom"),
    record: join(dir, "spec.json"),
    started: join(dir, "started"),
    pid: join(dir, "pid"),
    exit: join(dir, "exit"),
    /** When a pause is to end: see hold.ts. */
    held: join(dir, "held"),
    /** The same of a freeze. */
    frozen: join(dir, "frozen"),
    /** Exists once somebody asked for the end. */
    asked: join(dir, "asked"),
    evidence: join(dir, "evidence.json"),
    /** What QEMU told while somebody was there to hear it: see events.ts. */
    events: join(dir, "events"),
    /** The threads QEMU had when it was last looked at: a kernel names the one that crashed. */
    threads: join(dir, "threads"),
    /** The guard's note, left before it kills: see fenceable.ts. */
    fenced: join(dir, "fenced"),
    log: join(dir, "qemu.log"),
    consoleSeen: join(dir, "console.seen"),
    consoleOld: join(dir, "console.log.1"),
    consoleLog: join(vm, "console.log"),
    console: join(vm, "console.sock"),
    agent: join(vm, "agent.sock"),
    qmp: join(vm, "qmp.sock"),
    /** Where a machine that is to arrive waits for its memory, and for its disks. */
    arriving: join(vm, "memory.sock"),
    mirrors: join(vm, "nbd.sock"),
  } as const;
}

/** Rejects a run directory under which a socket could not be bound, before anything is made. */
export function assertSocketsFit({ console }: Pick<Paths, "console">): void {
  const excess = Buffer.byteLength(console) - longestSocketPath;
  if (excess <= 0) return;
  throw problem(
    "invalid",
    "run_directory_too_long",
    `The run directory's path is ${excess} bytes too long: a socket under it would not fit.`,
    { fix: "Choose a shorter run directory, for example /run/holdfast." },
  );
}

/** Every incarnation on disk, and for each instance the highest generation ever seen here. */
export async function findIncarnations(runDir: string): Promise<{
  readonly refs: readonly MachineRef[];
  readonly seen: ReadonlyMap<InstanceId, number>;
}> {
  const refs: MachineRef[] = [];
  const seen = new Map<InstanceId, number>();
  for (const name of await entries(runDir)) {
    if (name === standbyDirectory) continue;
    const id = name as InstanceId; // Only this driver makes directories here.
    const inside = await entries(join(runDir, name));
    const generations = inside.flatMap((entry) => {
      const number = /^g(\d+)$/.exec(entry)?.[1];
      return number ? [Number(number)] : [];
    });
    refs.push(...generations.map((generation) => ({ id, generation })));
    const buried = Number(await readOptional(join(runDir, name, "generation")));
    if (inside.length > 0) seen.set(id, Math.max(buried, 0, ...generations));
  }
  return { refs, seen };
}

/** The record, or undefined if it is not there or not whole. */
export const readRecord = (paths: Pick<Paths, "record">) => readJson<LaunchRecord>(paths.record);

export const writeRecord = (paths: Pick<Paths, "record">, record: LaunchRecord) =>
  replace(paths.record, JSON.stringify(record));

/** Also of a machine that an older version saw ending, which knew less. */
export async function readEvidence(paths: Paths): Promise<Exit | undefined> {
  const exit = await readJson<Exit>(paths.evidence);
  return exit && { ...noEvidence, ...exit };
}

export const writeEvidence = (paths: Paths, exit: Exit) =>
  replace(paths.evidence, JSON.stringify(exit));

export const writeTombstone = (paths: Paths, generation: number) =>
  replace(paths.tombstone, `${generation}\n`);

/**
 * Take the one right to launch, so that nobody can any more. False if a launch has already taken it.
 * The shim takes it with the same O_EXCL.
 */
export const seal = (paths: Paths): Promise<boolean> =>
  writeFile(paths.started, sealed, { flag: "wx", mode: 0o600 }).then(
    () => true,
    (error) => {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    },
  );

/** The text of a file, empty if there is none. */
export const readOptional = (file: string): Promise<string> =>
  readFile(file, "utf8").catch((error) => {
    if (codeOf(error) === "ENOENT") return "";
    throw error;
  });

/** Opens a file that somebody else could have replaced by a link or a pipe. */
export async function openPlain(file: string, flags: number): Promise<FileHandle> {
  const handle = await open(file, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new Error(`${file} is not a plain file`);
}

/** A reader sees the old text or the new, never half of it. */
export async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

export async function readJson<T>(file: string): Promise<T | undefined> {
  const text = await readOptional(file);
  try {
    return text ? (JSON.parse(text) as T) : undefined; // Only we write here, and atomically.
  } catch {
    return undefined; // Cut short by a power failure.
  }
}

const entries = (dir: string): Promise<string[]> =>
  readdir(dir).catch((error) => {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  });
