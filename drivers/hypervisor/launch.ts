/**
 * Starting QEMU so that it depends on nobody: a shell waits for it and writes down how it ended.
 *
 * The shim's first act takes the one right to launch (`started`, made with O_EXCL by `set -C`), so a
 * generation runs at most once however often an agent dies and tries again. It uses only what is
 * built into the shell: each command that it ran would cost a start a millisecond.
 *
 * It joins QEMU to its cgroup after the fork and not before. On cgroup v1 each join can wait tens of
 * milliseconds for the kernel; this way QEMU is loading meanwhile, and has no guest memory yet.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { type FileHandle, readdir, readFile } from "node:fs/promises";
import type { Paths } from "./incarnation.ts";
import { firstTapFd } from "./taps.ts";

/** Whom QEMU runs as: a user and group of its own, with no rights beyond. */
export interface Jail {
  readonly uid: number;
  /** More groups, for example the one that may open /dev/kvm. */
  readonly groups: readonly number[];
}

export const shimProgram = "/bin/sh";
/** What a guest's process is called from its fork on; see `jailed`. */
export const guestProgram = /(^|\/)(qemu-system-\w+|setpriv|unshare|perl|nsenter)$/;

// $1 is the incarnation's directory, $2 the cgroup.procs files; the rest is the command. Its own line
// of /proc/PID/stat is what identifies a process later: the number alone may be used again.
const shim = `
dir=$1 groups=$2; shift 2
read -r me < /proc/$$/stat
set -C
{ echo "$me" > "$dir/started"; } 2>/dev/null || exit 0
set +C
"$@" </dev/null &
read -r it < /proc/$!/stat && echo "$it" > "$dir/pid"
for group in $groups; do echo $! > "$group"; done 2>/dev/null
wait $!
echo $? > "$dir/exit"
`;

/** The command, confined: no capabilities, no way to new ones, no network, mounts of its own. */
export const jailed = ({ uid, groups }: Jail, command: readonly string[]): readonly string[] => [
  // `slave`: a disk that the host unmounts is not kept busy by a guest.
  ...["unshare", "--net", "--ipc", "--mount", "--propagation", "slave"],
  ...["setpriv", `--reuid=${uid}`, `--regid=${uid}`],
  groups.length > 0 ? `--groups=${groups.join(",")}` : "--clear-groups",
  ...["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"],
  ...command,
];

/** Nothing of the agent's own environment reaches a guest's process. */
export const bareEnvironment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

/**
 * The files that this process got from its parent without being asked, and that its children would
 * get as well. Node closes its own at `exec`, not these.
 */
export async function findInherited(): Promise<readonly number[]> {
  const fds = (await readdir("/proc/self/fd")).map(Number).filter((fd) => fd > 2);
  const inherited = await Promise.all(
    fds.map(async (fd) => {
      const info = await readFile(`/proc/self/fdinfo/${fd}`, "latin1").catch(() => "");
      const flags = /^flags:\s*([0-7]+)/m.exec(info)?.[1];
      return flags && (Number.parseInt(flags, 8) & closeOnExec) === 0 ? [fd] : [];
    }),
  );
  return inherited.flat();
}

/** Linux: O_CLOEXEC, as fdinfo shows it. */
const closeOnExec = 0o2000000;

/** Saved memory is this file in QEMU. The next ones are taps. */
export const stateFd = firstTapFd - 1;
/** Below it the keys of encrypted disks, each a file. */
export const keyFd = (index: number) => stateFd - 1 - index;

/** What a process of a guest is started with. */
export interface Given {
  /** For its complaints, and QEMU's. */
  readonly log: FileHandle;
  readonly inherited: readonly number[];
  /** Saved memory. */
  readonly state?: FileHandle | undefined;
  readonly keys?: readonly FileHandle[];
}

/** Starts the shim, detached. */
export function launch(
  paths: Paths,
  procs: readonly string[],
  command: readonly string[],
  given: Given,
): ChildProcess {
  const [program, ...argv] = withShim(paths.dir, procs, command);
  const child = spawn(program, argv, {
    ...{ cwd: "/", detached: true, env: bareEnvironment },
    stdio: stdioOf("ignore", given),
  });
  child.unref();
  return child;
}

/** The command, with somebody who waits for it and writes down in `dir` how it ended. */
export const withShim = (
  dir: string,
  procs: readonly string[],
  command: readonly string[],
): readonly [string, ...string[]] => [
  ...([shimProgram, "-c", shim, "holdfast-shim", dir, procs.join(" ")] as const),
  ...command,
];

/** `talk` says what to do with the first two of its files. */
export function stdioOf<T extends "ignore" | "pipe">(
  talk: T,
  { log, inherited, state, keys = [] }: Given,
): (T | "ignore" | number)[] {
  const stdio: (T | "ignore" | number)[] = [talk, talk, log.fd];
  // A guest gets an append-only log in place of whatever the agent was given; it has that already.
  for (const fd of inherited) stdio[fd] = log.fd;
  if (state) stdio[stateFd] = state.fd;
  for (const [index, { fd }] of keys.entries()) stdio[keyFd(index)] = fd;
  return Array.from(stdio, (each) => each ?? "ignore");
}
