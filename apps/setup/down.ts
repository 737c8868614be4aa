/** `holdfast down`: the platform stops, the guests run on, unless they are asked to stop as well. */

import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@holdfast/client/client";
import { listProjects } from "@holdfast/cloud/access/api";
import { type InstanceView, listInstances, stopInstance } from "@holdfast/cloud/instances/api";
import type { ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { z } from "zod";
import { paths, readJson } from "./place.ts";
import type { Say } from "./say.ts";
import { findSupervisor, stopSupervisor } from "./supervision.ts";

const ClientFile = z.object({ url: z.string(), token: z.string() });

export async function down(state: string, withGuests: boolean, say: Say): Promise<void> {
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
    await say.step("the guests have shut down", () => stopGuests(state));
  }
  const wasUp = await say.step("the platform has stopped", () => stopSupervisor(state));
  say.line(wasUp ? "" : "  It was not running.");
  if (wasUp && !withGuests) say.line("  The guests run on. ./holdfast up finds them again.");
}

async function stopGuests(state: string): Promise<void> {
  const client = connect(ClientFile.parse(await readJson(paths(state).client)));
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
