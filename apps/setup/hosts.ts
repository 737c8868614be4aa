/**
 * What `up --hosts N` does beside the rest: the machine room is opened, and each host in it gets a state
 * directory, an identity and a plan of its own.
 *
 * An installation is either its machine or a room for as long as it lives. The two would put their
 * guests, volumes and identities in different places, so one never turns into the other.
 */
import { chmod, mkdir, symlink } from "node:fs/promises";
import { connect } from "node:net";
import { availableParallelism, totalmem } from "node:os";
import { join as joinPath } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@holdfast/client/client";
import { allHosts } from "@holdfast/client/pages";
import { beginsAfter } from "@holdfast/cloud/agent";
import { join } from "@holdfast/cloud/agent/edge";
import { setBmc } from "@holdfast/cloud/availability/api";
import { createJoinToken } from "@holdfast/cloud/hosts/api";
import { changeSetting } from "@holdfast/cloud/settings/api";
import { problem } from "@holdfast/kernel/problem";
import { z } from "zod";
import { type HostView, mostHosts, type Room, type RoomView, roomOf } from "../chassis/client.ts";
import { patiently } from "./patiently.ts";
import { buildOf, type Place, paths, readJson, writePrivately } from "./place.ts";
import { ensurePlan } from "./supervision.ts";

/** For the machine itself, PostgreSQL and the manager. */
const keptMiB = 2_048;
/** Until a guard that has just begun to watch a pool has read it; milliseconds. */
const slowestReading = 1_000;
/** The name of the shared pool. */
export const pool = "shared";

const Kind = z.object({ hosts: z.number().int() });
const kindFile = (state: string) => joinPath(state, "hosts.json");
export const poolOf = (state: string) => joinPath(state, "pool");

/** Of the option. */
export function hostCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= mostHosts) return count;
  throw problem("invalid", "host_count_invalid", `${text} is not a number of hosts.`, {
    fix: `Give a number from 1 to ${mostHosts}; 1 is this machine itself.`,
  });
}

/** The hosts that this installation simulates; 1 for one that is its machine, undefined for none. */
export async function hostsOf(state: string): Promise<number | undefined> {
  const known = Kind.safeParse(await readJson(kindFile(state)));
  if (known.success) return known.data.hosts;
  const isThere =
    (await readJson(paths(state).client)) ?? (await readJson(paths(state).identity)) ?? undefined;
  return isThere === undefined ? undefined : 1;
}

/** Rejects with `installation_has_other_hosts`; remembers the number for the first time. */
export async function mustFit(state: string, wanted: number): Promise<void> {
  const known = await hostsOf(state);
  if (known === undefined) {
    if (wanted > 1) await writePrivately(kindFile(state), { hosts: wanted });
    return;
  }
  if (known === wanted) return;
  const says =
    known === 1
      ? "is a plain installation: this machine itself is its host"
      : `simulates ${known} hosts`;
  const up = known === 1 ? "holdfast up" : `holdfast up --hosts ${known}`;
  throw problem("conflict", "installation_has_other_hosts", `${state} ${says}.`, {
    fix: `Start it as it is: ${up}. For another beside it: --state DIRECTORY and ports of its own.`,
  });
}

/** The room answers, and its hosts have plans and identities; those that were switched off stay so. */
export async function ensureRoom(place: Place): Promise<{ room: Room; view: RoomView }> {
  const room = roomOf(place.state);
  let view: RoomView | undefined;
  await patiently(30, async () => {
    view = await room.view();
    return true;
  });
  if (!view) throw new Error("no answer is no view"); // `patiently` has rejected.
  const { state } = place;
  await mkdir(poolOf(state), { recursive: true });
  // Guests' processes run as users of their own and must get through to their disks.
  await chmod(state, 0o755);
  await chmod(poolOf(state), 0o711);
  for (const host of view.hosts) await ensureFiles(host, view, place);
  return { room, view };
}

async function ensureFiles(host: HostView, view: RoomView, place: Place): Promise<void> {
  const at = paths(host.state);
  await mkdir(at.logs, { recursive: true });
  for (const directory of [joinPath(host.state, ".."), host.state]) await chmod(directory, 0o755);
  await symlink(paths(place.state).tiny, at.tiny).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  const count = view.hosts.length;
  const own = {
    HOLDFAST_CPUS: `${Math.max(1, Math.floor(availableParallelism() / count))}`,
    HOLDFAST_MEMORY_MIB: `${Math.floor((totalmem() / 2 ** 20 - keptMiB) / count)}`,
    HOLDFAST_NETWORK_TAG: host.networkTag,
  };
  const both = {
    HOLDFAST_MANAGERS: `${view.gateway}:${place.agentPort}`,
    HOLDFAST_BOOT_ID_FILE: host.bootIdFile,
    HOLDFAST_POOLS: JSON.stringify({ [pool]: poolOf(place.state) }),
    HOLDFAST_WATCHDOG: `unix:${host.watchdog.socket}`,
    HOLDFAST_UIDS_FIRST: `${host.uidsFirst}`,
    HOLDFAST_CGROUP: host.cgroup,
  };
  const script = paths(place.state).script;
  await ensurePlan(host.state, {
    programs: (["guard", "agent"] as const).map((name) => ({
      name,
      script: script(name),
      build: buildOf(script(name)),
      env: name === "agent" ? { ...both, ...own } : both,
    })),
  });
}

/**
 * Before the managers are there: as soon as one host can renew its lease, every other that still has to start
 * its guard and agent looks cut off, to itself as well, and its guests would be ended. And a guard must have seen
 * a calm before it: one that finds the others moving already cannot know since when, and waits for its own host
 * no longer than it takes to end a guest.
 */
export async function rise(room: Room): Promise<void> {
  await patiently(30, () => room.rise().then(() => true));
  await patiently(30, async () => {
    const { hosts } = await room.view();
    const running = hosts.filter(({ power, isFrozen }) => power === "on" && !isFrozen);
    await Promise.all(running.map(({ state }) => answers(joinPath(state, "guard", "guard.sock"))));
    return true;
  });
  await sleep(beginsAfter + slowestReading);
}

function answers(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}

/** Joined, and switched on if they never were. */
export async function ensureHosts(
  client: Client,
  room: Room,
  { hosts, gateway }: RoomView,
  { agentPort }: Place,
): Promise<void> {
  for (const host of hosts) {
    const { identity } = paths(host.state);
    if (!(await readJson(identity))) {
      const { token } = await client.call(createJoinToken, {
        params: {},
        query: {},
        body: { hostName: host.name, minutes: 5 },
      });
      await writePrivately(identity, await join(`${gateway}:${agentPort}`, token, host.name));
    }
    if (host.boots === 0) await room.perform(host.name, { do: "power-on", post: 0 });
  }
}

/** Every host that is on and reachable is up, as far as the managers know. */
export async function hostsAreUp(client: Client, room: Room): Promise<void> {
  await patiently(60, async () => {
    const seen = await allHosts(client.call);
    const { hosts } = await room.view();
    return hosts
      .filter(({ power, isFrozen, cut }) => power !== "off" && !isFrozen && !cut.in && !cut.out)
      .every(({ name }) =>
        seen.some((host) => host.name === name && host.state === "up" && host.isConnected),
      );
  });
}

/** The managers may switch these hosts off, and volumes are where every host reaches them. */
export async function introduce(client: Client, room: Room): Promise<void> {
  const { hosts } = await room.view();
  for (const host of hosts) await registerBmc(client, host);
  const params = { name: "volumes.default_pool" };
  await client.call(changeSetting, { params, query: {}, body: { value: pool } });
}

/** The upper half of the room's own network, which no host has an address in: the machine itself reaches it. */
export const publicRangeOf = (gateway: string) =>
  `${gateway.slice(0, gateway.lastIndexOf("."))}.128/25`;

/** Once: it keeps its address and password. One that is broken on purpose is left for the next time. */
async function registerBmc(client: Client, { name, state, bmc }: HostView): Promise<void> {
  const { url, user, password, mood } = bmc;
  const body = { url, user, password };
  const file = joinPath(state, "bmc.json");
  if (mood === "dead" || JSON.stringify(await readJson(file)) === JSON.stringify(body)) return;
  await client.call(setBmc, { params: { host: name }, query: {}, body });
  await writePrivately(file, body);
}
