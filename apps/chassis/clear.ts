/**
 * What a room leaves on the machine when it was killed, or when nobody plays it any more: namespaces, cables,
 * filters and cgroups. They have no process that would end, so somebody has to take them away.
 *
 * Only for a room that is not open: one that is would make it all anew within a quarter of a second. A bridge
 * bears the state directory it was made for, and what is somebody else's is left alone.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { removeRemains } from "@holdfast/drivers/network/linux";
import { z } from "zod";
import { mostHosts } from "./client.ts";
import { killPatience, removeCgroups } from "./host.ts";
import * as network from "./network.ts";
import { type HostPlan, planOf, type RoomPlan } from "./plan.ts";
import * as processes from "./processes.ts";
import { afterReboot, HostState, readState } from "./state.ts";

/** `idle`: only what no process is in, because guests may run on. `all`: as if every plug was pulled. */
export type Thoroughness = "idle" | "all";

export interface Cleared {
  /** Namespaces and bridges that were there and are no longer. */
  readonly removed: readonly string[];
  /** Namespaces in which something runs on. */
  readonly inUse: readonly string[];
}

const Slot = z.object({ slot: z.number().int() });

export async function clearRoom(state: string, how: Thoroughness): Promise<Cleared> {
  const remembered = readState(join(state, "chassis", "room.json"), Slot)?.slot;
  const mine = new Set(network.slotsOf(state));
  // Its bridge may be gone already; the one that is there may by now be of another room.
  if (remembered !== undefined && !network.isTaken(remembered)) mine.add(remembered);
  const removed: string[] = [];
  const inUse: string[] = [];
  for (const slot of mine) {
    // As many as there can be: an earlier room of this directory may have had more hosts.
    const room = planOf(state, slot, mostHosts);
    for (const host of room.hosts) {
      const wasThere = network.namespaceInode(host.namespace) !== undefined;
      const isClear = await clearHost(host, how);
      if (!isClear) inUse.push(host.namespace);
      else if (wasThere) removed.push(host.namespace);
    }
    if (inUse.length === 0 && (await clearSwitch(room))) removed.push(room.bridge);
  }
  return { removed, inUse };
}

/** False if something runs there. */
export async function clearHost(plan: HostPlan, how: Thoroughness): Promise<boolean> {
  if (!isAnythingOf(plan)) return true;
  const known = readState(plan.file, HostState);
  const machineBoot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const remembered = known && afterReboot(known, machineBoot).namespaceInode;
  const whose = {
    namespaceInode: network.namespaceInode(plan.namespace) ?? remembered ?? null,
    state: plan.state,
  };
  if (how === "idle" && processes.processesOf(whose).length > 0) return false;
  if (how === "all" && !(await processes.killAll(whose, killPatience))) return false;
  await network.removeCable(plan);
  await removeRemains(plan.networkTag);
  removeCgroups(plan.cgroup);
  if (how === "all")
    // The next time these are new hosts in old cases, as after a dismantling.
    for (const path of [plan.file, plan.bootIdFile, plan.watchdogSocket])
      rmSync(path, { force: true });
  return true;
}

/** Most have never been: to look for their processes would take longer than everything else. */
const isAnythingOf = ({ namespace, state }: HostPlan) =>
  network.namespaceInode(namespace) !== undefined || existsSync(state);

async function clearSwitch(room: RoomPlan): Promise<boolean> {
  const wasThere = network.isTaken(room.slot);
  await network.removeSwitch(room);
  return wasThere;
}
