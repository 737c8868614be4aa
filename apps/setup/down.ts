/**
 * `holdfast down`: the platform stops, the guests run on, unless they are asked to stop as well.
 *
 * Simulated hosts have supervisors of their own, which must have ended before the machine room does.
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, connect } from "@holdfast/client/client";
import { listProjects } from "@holdfast/cloud/access/api";
import { type InstanceView, listInstances, stopInstance } from "@holdfast/cloud/instances/api";
import { linuxNetworks, usualTag } from "@holdfast/drivers/network/linux";
import type { ProjectId } from "@holdfast/kernel/ids";
import { onePage } from "@holdfast/kernel/pages";
import { Problem, problem } from "@holdfast/kernel/problem";
import { z } from "zod";
import { type HostView, type Room, roomOf } from "../chassis/client.ts";
import { hostsAreUp, hostsOf } from "./hosts.ts";
import { type Cleared, clearRoom, endOrphans } from "./leftovers.ts";
import { patiently } from "./patiently.ts";
import { paths, readJson } from "./place.ts";
import type { Say } from "./say.ts";
import { findProgram, findSupervisor, stopSupervisor } from "./supervision.ts";

const ClientFile = z.object({ url: z.string(), token: z.string() });

export async function down(state: string, withGuests: boolean, say: Say): Promise<void> {
  const simulated = await hostsOf(state);
  const room = simulated !== undefined && simulated > 1 ? roomOf(state) : undefined;
  const isUp = (await findSupervisor(state)) !== undefined;
  if (withGuests && !isUp && simulated === 1) throw notUp();
  if (withGuests && isUp) await guestsDown(state, room, say);
  else if (room && !withGuests)
    await say.step("the hosts' programs have ended", () => rest(state, room));
  const orphans = await say.step("the platform has stopped", async () => {
    await stopSupervisor(state);
    return endOrphans(state);
  });
  if (withGuests && simulated === 1)
    await say.step("nothing of its networks is left", () =>
      linuxNetworks({
        tag: usualTag,
        underlayAddress: "127.0.0.1",
        uplinkDevice: undefined,
        directory: join(state, "networks"),
      }).removeAll(),
    );
  const isAnything = isUp || orphans > 0;
  const left = simulated === 1 ? undefined : await clear(state, simulated, withGuests, say);
  if (withGuests && !isAnything && simulated === undefined && !left?.removed.length) throw notUp();
  say.line(isAnything ? "" : "  It was not running.");
  if (isUp && !withGuests) say.line("  The guests run on. ./holdfast up finds them again.");
  if (withGuests && !isUp && left?.removed.length)
    say.line("  Nobody could shut its guests down in good order: their hosts were switched off.");
}

/** Of a room that was killed there is more left than of one that was taken away in good order. */
async function clear(
  state: string,
  simulated: number | undefined,
  withGuests: boolean,
  say: Say,
): Promise<Cleared> {
  const how = withGuests ? "all" : "idle";
  // Without its state directory nobody knows whether there ever was one.
  if (simulated === undefined) return clearRoom(state, how);
  const what = withGuests
    ? "nothing of the machine room is left"
    : "nothing of the machine room is left that no guest is in";
  return say.step(what, () => clearRoom(state, how));
}

async function guestsDown(state: string, room: Room | undefined, say: Say): Promise<void> {
  const access = ClientFile.safeParse(await readJson(paths(state).client));
  if (!access.success) throw onlyHost();
  const client = connect(access.data);
  if (room) await say.step("every host can be reached", () => mend(client, room));
  await say
    .step("the guests have shut down", () => stopGuests(client))
    .catch((error) => {
      // A simulated host can always be switched off.
      if (!room || !(error instanceof Problem)) throw error;
      say.line(`  ${error.message}. They go down with their hosts.`);
    });
  if (room)
    await say.step("the machine room is taken away", () =>
      patiently(30, () => room.dismantle().then(() => true)),
    );
}

const onlyHost = () =>
  problem(
    "conflict",
    "guests_not_stopped",
    "This machine is only a host: its guests are stopped by whoever runs its managers.",
    {
      fix: "There: holdfast hosts set NAME --mode draining, then holdfast stop its instances. Here: ./holdfast down",
    },
  );

/** Where the room itself was killed for good, its hosts' supervisors are stopped one by one. */
async function rest(state: string, room: Room): Promise<void> {
  const isThere = (await findSupervisor(state)) ?? (await findProgram(state, "chassis"));
  if (isThere !== undefined) return patiently(30, () => room.rest().then(() => true));
  const hosts = join(state, "hosts");
  const names = await readdir(hosts).catch(() => []);
  await Promise.all(
    names.map(async (name) => {
      await stopSupervisor(join(hosts, name));
      await endOrphans(join(hosts, name));
    }),
  );
}

/** Every host can do as it is told: whatever was broken on purpose is mended. */
async function mend(client: Client, room: Room): Promise<void> {
  const { hosts } = await room.view();
  const wrong = (host: HostView) => host.power === "off" || host.isFrozen;
  for (const { name, power, isFrozen } of hosts) {
    if (isFrozen) await room.perform(name, { do: "thaw" });
    await room.perform(name, { do: "heal" });
    if (power === "off") await room.perform(name, { do: "power-on", post: 0 });
    await room.perform(name, { do: "resume-agent" }).catch(() => {}); // It may just be starting.
  }
  if (hosts.some(wrong)) await hostsAreUp(client, room);
}

/**
 * Asked again until all are told: one whose host is silent at this moment, or that is just being started again, runs
 * on a second later.
 */
async function stopGuests(client: Client): Promise<void> {
  const { projects } = await onePage("projects", (after) =>
    client.call(listProjects, { params: {}, query: { after } }),
  );
  const left = async (project: ProjectId) => {
    const found: InstanceView[] = [];
    let after: string | undefined;
    do {
      const query = after ? { after, limit: 1_000 } : { limit: 1_000 };
      const page = await client.call(listInstances, { params: { project }, query });
      found.push(...page.instances.filter((one) => one.host !== null || isWanted(one)));
      after = page.next ?? undefined;
    } while (after);
    return found;
  };
  for (const { id } of projects) {
    const project = id as ProjectId; // A project's id is plain text in the API.
    for (let all = await left(project); all.length > 0; all = await left(project)) {
      for (const { id: instance } of all.filter(isWanted))
        await client
          .call(stopInstance, { params: { project, instance }, query: {}, body: {} })
          .catch((error: unknown) => {
            // Not in a state for it now.
            if (!(error instanceof Problem && error.kind === "conflict")) throw error;
          });
      if (all.every(({ op }) => op !== null && op.attempt > 0)) throw stillThere(all);
      await sleep(100);
    }
  }
}

const isWanted = ({ desired, state }: InstanceView) => desired === "running" && state !== "failed";

const notUp = () =>
  problem(
    "conflict",
    "platform_not_up",
    "The platform is down, so nobody can stop its guests in good order.",
    {
      fix: "Start it first: ./holdfast up, then ./holdfast down --guests",
    },
  );

/** All that could be tried has been tried, and its deadlines are over. */
const stillThere = (left: readonly InstanceView[]) =>
  problem(
    "conflict",
    "guests_not_stopped",
    `Not stopped: ${left.map(({ name, cause }) => `${name} (${cause?.says ?? "no cause known"})`).join(", ")}`,
    {
      fix: `See why: ./holdfast show ${left[0]?.name}; ./holdfast down without --guests stops the rest`,
    },
  );
