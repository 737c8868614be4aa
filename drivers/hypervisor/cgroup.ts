/**
 * One cgroup per incarnation, under a directory of ours: what it may use, and whether it died of it.
 *
 * Version 1 has a tree per controller and version 2 has one tree for all; a host may lack any of the
 * controllers, and what is missing is not enforced. A cgroup can only be removed when its last
 * process has been reaped, which may be a moment after it died.
 */
import { access, mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "@holdfast/kernel/code-of";
import { readOptional } from "./incarnation.ts";

export interface Limits {
  /** A share of the processor when there are not enough for all; not a ceiling. */
  readonly cpus: number;
  readonly memoryMiB: number;
}

export interface Cgroups {
  /** For people: `v1 (cpu, memory, pids)`. */
  readonly description: string;
  /** Makes it and resolves with the files into which a process id must be written to join. */
  create(name: string, limits: Limits): Promise<readonly string[]>;
  /** How many of its processes the kernel killed because its memory ran out. Zero if it is gone. */
  oomKills(name: string): Promise<number>;
  /** Absent is fine. False if it is still in use. */
  remove(name: string): Promise<boolean>;
  list(): Promise<readonly string[]>;
}

/** QEMU itself, beside the guest's memory and TCG's translations: about 60 MiB seen, with room. */
export const overheadMiB = 128;

/** QEMU's threads: one per processor, its own few, and up to 64 that wait for disks. */
const threads = (cpus: number) => 256 + cpus;

const controllers = ["cpu", "memory", "pids"] as const;
type Controller = (typeof controllers)[number];

export async function findCgroups(parent: string, root: string): Promise<Cgroups> {
  if (await exists(join(root, "cgroup.controllers"))) return unified(parent, root);
  const present: Controller[] = [];
  for (const controller of controllers)
    if (await exists(join(root, controller, "cgroup.procs"))) present.push(controller);
  return separate(parent, root, present);
}

async function unified(parent: string, root: string): Promise<Cgroups> {
  const offered = (await readOptional(join(root, "cgroup.controllers"))).trim().split(/\s+/);
  const present = controllers.filter((controller) => offered.includes(controller));
  const ours = join(root, parent);
  await mkdir(ours, { recursive: true });
  const wanted = present.map((controller) => `+${controller}`).join(" ");
  for (const dir of [root, ours]) await writeFile(join(dir, "cgroup.subtree_control"), wanted);
  const dirOf = (name: string) => join(ours, name);
  return {
    description: describe("v2", present),
    async create(name, limits) {
      const settings: Record<Controller, readonly [string, string]> = {
        cpu: ["cpu.weight", `${Math.min(10_000, 100 * limits.cpus)}`],
        memory: ["memory.max", `${limits.memoryMiB}M`],
        pids: ["pids.max", `${threads(limits.cpus)}`],
      };
      await ensureDirectory(dirOf(name));
      for (const controller of present) {
        const [file, value] = settings[controller];
        await writeFile(join(dirOf(name), file), value);
      }
      return [join(dirOf(name), "cgroup.procs")];
    },
    oomKills: (name) => counter(join(dirOf(name), "memory.events"), "oom_kill"),
    remove: (name) => removeDirectory(dirOf(name)),
    list: () => subdirectories(ours),
  };
}

function separate(parent: string, root: string, present: readonly Controller[]): Cgroups {
  const dirOf = (controller: Controller, name: string) => join(root, controller, parent, name);
  return {
    description: describe("v1", present),
    create: (name, limits) => {
      const settings: Record<Controller, readonly [string, string]> = {
        cpu: ["cpu.shares", `${1024 * limits.cpus}`],
        memory: ["memory.limit_in_bytes", `${limits.memoryMiB}M`],
        pids: ["pids.max", `${threads(limits.cpus)}`],
      };
      return Promise.all(
        present.map(async (controller) => {
          const [file, value] = settings[controller];
          await ensureDirectory(dirOf(controller, name));
          await writeFile(join(dirOf(controller, name), file), value);
          return join(dirOf(controller, name), "cgroup.procs");
        }),
      );
    },
    oomKills: (name) => counter(join(dirOf("memory", name), "memory.oom_control"), "oom_kill"),
    async remove(name) {
      const gone = await Promise.all(present.map((each) => removeDirectory(dirOf(each, name))));
      return gone.every(Boolean);
    },
    async list() {
      const names = await Promise.all(present.map((each) => subdirectories(dirOf(each, ""))));
      return [...new Set(names.flat())];
    },
  };
}

const describe = (version: string, present: readonly string[]) =>
  `${version} (${present.join(", ") || "no controllers"})`;

/** The parent is there after the first time, so the common case is one system call. */
async function ensureDirectory(dir: string): Promise<void> {
  await mkdir(dir).catch(async (error) => {
    if (codeOf(error) === "ENOENT") await mkdir(dir, { recursive: true });
    else if (codeOf(error) !== "EEXIST") throw error;
  });
}

async function removeDirectory(dir: string): Promise<boolean> {
  for (const pause of [2, 5, 20, 50, 100, 0]) {
    try {
      await rmdir(dir);
      return true;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return true;
      if (codeOf(error) !== "EBUSY") throw error;
      if (pause > 0) await sleep(pause); // The kernel announces no end of a cgroup.
    }
  }
  return false;
}

const counter = async (file: string, name: string): Promise<number> =>
  Number(
    new RegExp(`^${name} (\\d+)$`, "m").exec(await readFile(file, "utf8").catch(() => ""))?.[1] ??
      0,
  );

const subdirectories = async (dir: string): Promise<readonly string[]> =>
  (await readdir(dir, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );
