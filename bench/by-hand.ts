/**
 * A guest as Holdfast runs it, and the same command line run by hand: no jail, no cgroup, no manager, no
 * database. Both are watched in the same way, through the file that QEMU writes the console to.
 */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** One launched incarnation on this host. */
export interface Launched {
  readonly pid: number;
  /** Of this incarnation: sockets, console and metadata lie below it. */
  readonly directory: string;
  readonly argv: readonly string[];
}

/** Where the agent keeps the first incarnation of an instance. */
export const directoryOf = (state: string, instance: string) => join(state, "run", instance, "g1");

/** The process of an instance whose first incarnation runs. */
export function findLaunched(state: string, instance: string): Launched {
  const directory = directoryOf(state, instance);
  const pid = Number.parseInt(readFileSync(join(directory, "pid"), "utf8"), 10);
  const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  return { pid, directory, argv };
}

/** The command line of `model`, with a directory and an overlay of its own, and nothing around it. */
export function prepareByHand(model: Launched, directory: string): readonly string[] {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(join(directory, "vm"), { recursive: true });
  cpSync(join(model.directory, "metadata"), join(directory, "metadata"), { recursive: true });
  const line = model.argv.join("\n");
  const [, disk = ""] = /"filename":"([^"]+)"/.exec(line) ?? [];
  const info = JSON.parse(
    execFileSync("qemu-img", ["info", "-U", "--output=json", disk], { encoding: "utf8" }),
  ) as { "virtual-size": number; "full-backing-filename": string }; // qemu-img's own shape.
  const own = join(directory, "disk.qcow2");
  const backing = ["-b", info["full-backing-filename"], "-F", "qcow2"];
  execFileSync("qemu-img", [
    "create",
    "-q",
    "-f",
    "qcow2",
    ...backing,
    own,
    String(info["virtual-size"]),
  ]);
  return line.replaceAll(model.directory, directory).replaceAll(disk, own).split("\n");
}

export interface Running {
  readonly pid: number;
  /** Rejects with what QEMU says if it ends by itself. */
  readonly failed: Promise<never>;
  end(): Promise<void>;
}

export function runByHand(argv: readonly string[]): Running {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  let says = "";
  child.stderr.on("data", (text) => {
    says += text;
  });
  let isWanted = true;
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const failed = new Promise<never>((_, reject) => {
    child.once("close", () => isWanted && reject(new Error(`QEMU by hand ended: ${says}`)));
  });
  failed.catch(() => {}); // Whoever waits for something of it hears of it.
  return {
    pid: child.pid ?? 0,
    failed,
    async end() {
      isWanted = false;
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/**
 * Resolves with the moment at which the guest's console says that it is ready. Looks every two milliseconds
 * and reads only what has grown, so that watching costs neither side anything that counts.
 */
export async function readyAt(directory: string): Promise<number> {
  const log = join(directory, "vm", "console.log");
  for (let seen = 0; ; await sleep(2)) {
    const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
    if (size === seen) continue;
    seen = size;
    if (readFileSync(log, "latin1").includes("holdfast: ready")) return performance.now();
  }
}

/** Resolves with the moment at which QMP answers a question. */
export function answersAt(path: string): Promise<number> {
  return new Promise((resolve) => {
    const attempt = () => {
      const socket = connect(path);
      let text = "";
      socket.on("error", () => setTimeout(attempt, 1));
      socket.on("connect", () =>
        socket.write('{"execute":"qmp_capabilities"}\n{"execute":"query-status"}\n'),
      );
      socket.on("data", (data) => {
        text += data;
        if (!text.includes('"status"')) return;
        socket.destroy();
        resolve(performance.now());
      });
    };
    attempt();
  });
}
