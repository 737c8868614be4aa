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
import type { ProjectId } from "@holdfast/kernel/ids";
import { Problem, problem } from "@holdfast/kernel/problem";
import { z } from "zod";
import { type HostView, type Room, roomOf } from "../chassis/client.ts";
import { hostsAreUp, hostsOf } from "./hosts.ts";
import { patiently } from "./patiently.ts";
import { paths, readJson } from "./place.ts";
import type { Say } from "./say.ts";
import { findSupervisor, stopSupervisor } from "./supervision.ts";

const ClientFile = z.object({ url: z.string(), token: z.string() });

export async function down(state: string, withGuests: boolean, say: Say): Promise<void> {
  const simulated = (await hostsOf(state)) ?? 1;
  const room = simulated > 1 ? roomOf(state) : undefined;
  if (withGuests) {
    if ((await findSupervisor(state)) === undefined)
      throw problem(
        "conflict",
        "platform_not_up",
        "The platform is down, so nobody can stop its guests in good order.",
        {
          fix: "Start it first: ./holdfast up, then ./holdfast down --guests",
        },
      );
    const client = connect(ClientFile.parse(await readJson(paths(state).client)));
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
  } else if (room) await say.step("the hosts' programs have ended", () => rest(state, room));
  const wasUp = await say.step("the platform has stopped", () => stopSupervisor(state));
  say.line(wasUp ? "" : "  It was not running.");
  if (wasUp && !withGuests) say.line("  The guests run on. ./holdfast up finds them again.");
}

/** Where the room itself was killed for good, its hosts' supervisors are stopped one by one. */
async function rest(state: string, room: Room): Promise<void> {
  if ((await findSupervisor(state)) !== undefined)
    return patiently(30, () => room.rest().then(() => true));
  const hosts = join(state, "hosts");
  const names = await readdir(hosts).catch(() => []);
  await Promise.all(names.map((name) => stopSupervisor(join(hosts, name))));
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

async function stopGuests(client: Client): Promise<void> {
  const { projects } = await client.call(listProjects, { params: {}, query: {} });
  const homed = async (project: ProjectId) => {
    const found: InstanceView[] = [];
    let after: string | undefined;
    do {
      const query = after ? { after, limit: 1_000 } : { limit: 1_000 };
      const page = await client.call(listInstances, { params: { project }, query });
      found.push(...page.instances.filter(({ host }) => host !== null));
      after = page.next ?? undefined;
    } while (after);
    return found;
  };
  for (const { id } of projects) {
    const project = id as ProjectId; // A project's id is plain text in the API.
    for (const { id: instance, state: was } of await homed(project))
      if (was === "running" || was === "starting")
        await client.call(stopInstance, { params: { project, instance }, query: {}, body: {} });
    for (let left = await homed(project); left.length > 0; left = await homed(project)) {
      if (left.every(({ op }) => op !== null && op.attempt > 0)) throw stillThere(left);
      await sleep(100);
    }
  }
}

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
