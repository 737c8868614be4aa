/**
 * A process that is to outlive the agent and is found again by the next one: a storage daemon, a relay.
 *
 * A process is known by its number and the moment it began, both in a file. One that was started by an agent
 * which died before it could write them down is found by its command line, which names its directory.
 */
import { spawn } from "node:child_process";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Duration, milliseconds, seconds } from "@holdfast/kernel/time";
import {
  findProcess,
  isAlive,
  type ProcessId,
  processesMentioning,
  signal,
} from "../hypervisor/process.ts";
import { replaceSynced } from "./place.ts";
import { daemonFailed, storageProgramMissing } from "./problems.ts";

export interface Service {
  /** Makes sure that it runs. Resolves with true if it was started just now. */
  ensure(): Promise<boolean>;
  /** Asks it to end, and kills it if it has not by then. Not running is fine. Rejects if even that fails. */
  end(within?: Duration): Promise<void>;
  isAlive(): Promise<boolean>;
  /** The last things it complained about. */
  log(): Promise<string>;
}

/** From SIGKILL to the process being gone. More means that it waits for a dead disk. */
const deathTime = 10_000;
/** Everything it makes may be used by whoever gets to it: who does is for the directories to say. */
const shell = 'umask 0; exec "$@"';

/** `command` must mention `directory`, which is made if need be. */
export function service(
  directory: string,
  name: string,
  command: readonly [string, ...string[]],
): Service {
  const pidFile = join(directory, `${name}.pid`);
  const logFile = join(directory, `${name}.log`);

  return {
    async ensure() {
      if (await find()) return false;
      await mkdir(directory, { recursive: true, mode: 0o711 });
      const log = await open(logFile, "w", 0o600);
      try {
        const child = spawn("/bin/sh", ["-c", shell, `holdfast-${name}`, ...command], {
          cwd: "/",
          detached: true,
          env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
          stdio: ["ignore", log.fd, log.fd],
        });
        child.on("error", () => {}); // It is not there, which is what counts.
        child.unref();
        const born = child.pid === undefined ? undefined : findProcess(child.pid);
        if (born) await replaceSynced(pidFile, JSON.stringify(born));
      } finally {
        await log.close();
      }
      return true;
    },

    async end(within = seconds(5)) {
      const target = await find();
      if (!target) return;
      if (within > 0) signal(target, "SIGTERM");
      if (!(await gone(target, within))) {
        signal(target, "SIGKILL");
        if (!(await gone(target, milliseconds(deathTime))))
          throw daemonFailed(`${name} does not die`);
      }
      await rm(pidFile, { force: true });
    },

    isAlive: async () => (await find()) !== undefined,
    log: () => readFile(logFile, "utf8").catch(() => ""),
  };

  async function find(): Promise<ProcessId | undefined> {
    const known = parse(await readFile(pidFile, "utf8").catch(() => ""));
    if (known) return isAlive(known) ? known : undefined;
    const program =
      command.find((word) => /^(qemu-storage-daemon|socat)$/.test(word)) ?? command[0];
    return (await processesMentioning(`${directory}/`)).find((each) =>
      each.program.endsWith(program),
    );
  }
}

/** Rejects with `storage_program_missing` if that is why a service is not there. */
export function explain(log: string): Error {
  const missing = /(\S+): (?:not found|No such file or directory)\s*$/m.exec(log)?.[1];
  if (missing && /^(qemu-storage-daemon|socat)$/.test(missing))
    return storageProgramMissing(missing);
  return daemonFailed(log.trim().split("\n").slice(-3).join("\n"));
}

async function gone(target: ProcessId, within: number): Promise<boolean> {
  const deadline = performance.now() + within;
  while (isAlive(target)) {
    if (performance.now() > deadline) return false;
    await sleep(2); // Not our child any more, perhaps: nobody announces its end.
  }
  return true;
}

function parse(text: string): ProcessId | undefined {
  try {
    return text ? (JSON.parse(text) as ProcessId) : undefined; // Only we write it, and whole.
  } catch {
    return undefined;
  }
}
