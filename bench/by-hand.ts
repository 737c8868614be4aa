/**
 * A guest as Holdfast runs it, and the same command line run by hand: no jail, no cgroup, no manager, no
 * database. Both are watched in the same way, through the file that QEMU writes the console to.
 */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
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

/** The process of an instance that the platform has launched; waits for it to appear. */
export async function findLaunched(state: string, instance: string): Promise<Launched> {
  for (;;) {
    for (const name of readdirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const argv = argvOf(Number(name));
      if (
        argv[0]?.includes("qemu-system") &&
        argv.includes(instance) &&
        argv.join(" ").includes(state)
      ) {
        const [, directory = ""] = /path=([^,]+)\/vm\/qmp\.sock/.exec(argv.join("\n")) ?? [];
        return { pid: Number(name), directory, argv };
      }
    }
    await sleep(1);
  }
}

function argvOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  } catch {
    return [];
  }
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
  const argv = line.replaceAll(model.directory, directory).replaceAll(disk, own).split("\n");
  const sandbox = argv.indexOf("-sandbox");
  return [...argv.slice(0, sandbox), ...argv.slice(sandbox + 2)];
}

export interface Running {
  readonly pid: number;
  end(): Promise<void>;
}

export function runByHand(argv: readonly string[]): Running {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    pid: child.pid ?? 0,
    async end() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Resolves with the moment at which the guest's console says that it is ready. */
export async function readyAt(directory: string): Promise<number> {
  const log = join(directory, "vm", "console.log");
  for (;;) {
    try {
      if (readFileSync(log, "latin1").includes("holdfast: ready")) return performance.now();
    } catch {
      // QEMU has not made it yet.
    }
    await sleep(2);
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
