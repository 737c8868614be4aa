/**
 * One qemu-storage-daemon with one volume open: for a moment, to do with a volume what qemu-img cannot, or for
 * as long as guests use it over NBD.
 *
 * One for each volume, and not one for a pool: it takes 5 MB and a moment to start, a guest that breaks out of
 * its QEMU finds no other volume behind the same socket, and killing it is a cut that always works. Its node is
 * called `disk`.
 */
import { spawn } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { milliseconds } from "@holdfast/kernel/time";
import type { Layered } from "../hypervisor/block-jobs.ts";
import { type Ask, connectQmp, type Qmp } from "../hypervisor/qmp.ts";
import { daemonFailed, storageProgramMissing } from "./problems.ts";
import { type Locked, meaning } from "./programs.ts";
import { type Service, service } from "./service.ts";

/** The node of the volume, in every daemon. */
export const theDisk: Layered = { top: "disk", node: "disk" };

/** From its start to its first answer; a busy host takes its time. In milliseconds. */
const startTime = 30_000;
const answerTime = milliseconds(10_000);
const greetingTime = milliseconds(2_000);
const mostSilences = 4;

const blockdev = (file: string) => ({
  driver: "qcow2",
  "node-name": theDisk.node,
  discard: "unmap",
  file: { driver: "file", filename: file, discard: "unmap" },
});

/** Told over its monitor, which is ours alone: a command line can be read by everybody on the host. */
async function unlock(ask: Ask, { file, key }: Locked): Promise<void> {
  if (key === undefined) return;
  await ask("object-add", { "qom-type": "secret", id: "key", data: key });
  const encrypt = { format: "luks", "key-secret": "key" };
  await ask("blockdev-add", { ...blockdev(file), encrypt }).catch((error: unknown) => {
    throw meaning(error);
  });
}

const monitor = (socket: string) => [
  ...["--chardev", `socket,id=qmp,path=${socket},server=on,wait=off`],
  ...["--monitor", "chardev=qmp"],
];

/**
 * Opens a volume for as long as `work` takes. Rejects with `volume_in_use` if somebody else has it open, and
 * ends the daemon in any case; if we are killed it dies as well.
 */
export async function withDaemon<T>(
  image: Locked,
  socket: string,
  work: (ask: Ask) => Promise<T>,
): Promise<T> {
  const opened =
    image.key === undefined ? ["--blockdev", JSON.stringify(blockdev(image.file))] : [];
  const argv = ["--pdeathsig=KILL", "qemu-storage-daemon", ...opened];
  const child = spawn("setpriv", [...argv, ...monitor(socket)], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", (error) => {
      said += error.message;
      resolve();
    });
  });
  const isOver = () => child.exitCode !== null || child.signalCode !== null || !child.pid;
  try {
    const { ask, close } = await connect(socket, isOver, () => {});
    try {
      await unlock(ask, image);
      const result = await work(ask);
      await ask("quit");
      await ended;
      return result;
    } finally {
      close();
    }
  } catch (error) {
    if (!isOver() || said === "") throw error;
    if (/No such file or directory/.test(said) && /setpriv: failed to execute/.test(said))
      throw storageProgramMissing("qemu-storage-daemon", error);
    throw meaning(said);
  } finally {
    child.kill("SIGKILL");
    await ended;
    await rm(socket, { force: true });
  }
}

export interface DaemonPaths {
  /** Of this volume's daemon. Everybody may pass through it. */
  readonly directory: string;
  /** Root's alone: the monitor is in it. */
  readonly own: string;
  readonly monitor: string;
  /** Lent to the guest's group: the export is in it. */
  readonly door: string;
  readonly socket: string;
}

export function daemonPaths(runDir: string, name: string): DaemonPaths {
  const directory = join(runDir, name);
  const [own, door] = [join(directory, "own"), join(directory, "door")];
  return { directory, own, monitor: join(own, "qmp"), door, socket: join(door, "nbd") };
}

/** One after the other: made together, all of them would get the rights of the last. */
export async function makeRoom({ directory, own, door }: DaemonPaths): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o711 });
  await mkdir(own, { recursive: true, mode: 0o700 });
  await mkdir(door, { recursive: true, mode: 0o710 });
}

/** The daemon that serves a volume for as long as it is wanted. Without rights, network or a way to them. */
export const servingDaemon = (file: string, paths: DaemonPaths): Service =>
  service(paths.directory, "daemon", [
    ...(["unshare", "--net", "--ipc", "--mount", "--propagation", "slave"] as const),
    ...["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"],
    ...[
      "qemu-storage-daemon",
      "--blockdev",
      JSON.stringify(blockdev(file)),
      ...monitor(paths.monitor),
    ],
    ...["--nbd-server", `addr.type=unix,addr.path=${paths.socket},max-connections=0`],
  ]);

export interface Conversation {
  readonly ask: Ask;
  close(): void;
}

/** Rejects as soon as `isOver` says that nobody will ever answer, or when nobody has for long enough. */
export async function connect(
  socket: string,
  isOver: () => boolean | Promise<boolean>,
  onClosed: () => void,
): Promise<Conversation> {
  const deadline = performance.now() + startTime;
  for (let silences = 0; ; ) {
    const qmp = await connectQmp(socket, { event: () => {}, closed: onClosed }).catch(
      () => undefined,
    );
    if (qmp && (await answers(qmp))) {
      const ask: Ask = (command, args) => qmp.execute(command, answerTime, args);
      return { ask, close: () => qmp.close() };
    }
    if (await isOver()) throw daemonFailed("it has ended");
    if (qmp && ++silences >= mostSilences) throw daemonFailed("it does not answer");
    if (performance.now() > deadline) throw daemonFailed("it did not open its monitor");
    await sleep(5);
  }
}

/**
 * A monitor that has just been opened now and then loses the first word that it hears, and answers nothing
 * from then on; a new conversation helps. One that belongs to somebody else, or is frozen, stays silent.
 */
async function answers(qmp: Qmp): Promise<boolean> {
  try {
    await qmp.execute("query-version", greetingTime);
    return true;
  } catch {
    qmp.close();
    return false;
  }
}
