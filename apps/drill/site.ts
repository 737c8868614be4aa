/**
 * The parts of an installation that are on this machine, and which of its processes is whose.
 *
 * A process is only touched if its own environment names this state directory: process ids are used again,
 * and other installations may run beside this one.
 */
import { X509Certificate } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HostView } from "@holdfast/cloud/hosts/api";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import {
  findProcess,
  isAlive,
  type ProcessId,
  parseStat,
} from "@holdfast/drivers/hypervisor/process";
import { type Problem, problem } from "@holdfast/kernel/problem";
import { findEmbedded } from "@holdfast/store/embedded";
import { z } from "zod";
import { type Room, roomOf } from "../chassis/client.ts";

export interface Site {
  readonly state: string;
  /** The simulated machine room, where its hosts are simulated. */
  readonly room: Room | undefined;
  /** Rejects with `drill_not_possible` if it is not on this machine. */
  agentOf(host: HostView): Promise<ProcessId>;
  /** QEMU of this instance, and its root volume. Rejects with `drill_not_possible`. */
  machineOf(instance: InstanceView): Promise<Machine>;
  manager(): Promise<ProcessId>;
  database(): Promise<ProcessId>;
}

export interface Machine {
  readonly qemu: ProcessId;
  readonly volume: string;
}

const Hosts = z.object({ hosts: z.number() });
const Identity = z.object({ certificate: z.string() });
const Launch = z.object({ lent: z.array(z.string()) });

export async function siteAt(state: string): Promise<Site> {
  const simulated = Hosts.safeParse(await jsonIn(join(state, "hosts.json")));
  const isRoom = simulated.success && simulated.data.hosts > 1;
  return {
    state,
    room: isRoom ? roomOf(state) : undefined,
    async agentOf(host) {
      const at = isRoom ? join(state, "hosts", host.name) : state;
      if (!isRoom && (await hostIdOf(at)) !== host.id) throw elsewhere(`The host ${host.name}`);
      return program(at, "agent");
    },
    async machineOf({ id, name, generation }) {
      for (const host of [state, ...(await hostsIn(state))]) {
        const at = join(host, "run", id, `g${generation}`);
        const qemu = parseStat(await readFile(join(at, "pid"), "latin1").catch(() => ""));
        const launch = Launch.safeParse(await jsonIn(join(at, "spec.json")));
        if (qemu && isAlive(qemu) && launch.success)
          return { qemu, volume: launch.data.lent[0] ?? "" };
      }
      throw elsewhere(`The process of ${name}`);
    },
    manager: () => program(state, "manager"),
    async database() {
      const pid = await findEmbedded(join(state, "database"));
      const found = pid === undefined ? undefined : findProcess(pid);
      if (!found) throw elsewhere("PostgreSQL");
      return found;
    },
  };
}

async function program(state: string, name: "agent" | "manager"): Promise<ProcessId> {
  const pid = Number(await readFile(join(state, `${name}.pid`), "utf8").catch(() => ""));
  const words = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
  const found = words.split("\0").includes(`HOLDFAST_STATE=${state}`) && findProcess(pid);
  if (!found) throw elsewhere(`The ${name} of ${state}`);
  return found;
}

async function hostIdOf(state: string): Promise<string | undefined> {
  const identity = Identity.safeParse(await jsonIn(join(state, "agent", "identity.json")));
  if (!identity.success) return undefined;
  return /CN=(\S+)/.exec(new X509Certificate(identity.data.certificate).subject)?.[1];
}

async function hostsIn(state: string): Promise<readonly string[]> {
  const hosts = join(state, "hosts");
  return (await readdir(hosts).catch(() => [])).map((name) => join(hosts, name));
}

async function jsonIn(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch {
    return undefined;
  }
}

const elsewhere = (what: string): Problem =>
  notPossible(`${what} is not on this machine, or does not run now.`, {
    fix: "Do this drill on the machine where it is, as root, with the same --state.",
  });

/** The drill cannot be done here, and why. Nothing was touched. */
export const notPossible = (message: string, { fix }: { readonly fix: string }): Problem =>
  problem("conflict", "drill_not_possible", message, { fix });
