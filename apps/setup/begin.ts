/**
 * What a new installation begins with: a network that instances are connected to unless somebody says
 * otherwise, and a first instance in it.
 *
 * Once, ever. Afterwards all of it is the owner's business, also that it is gone.
 */
import type { Client } from "@holdfast/client/client";
import { getInstance, listInstances, runInstances } from "@holdfast/cloud/instances/api";
import { addRange, createNetwork, listNetworks, listRanges } from "@holdfast/cloud/networks/api";
import type { ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { patiently } from "./patiently.ts";
import type { Say } from "./say.ts";

/** The network that `run` connects instances to. */
const network = "default";
const name = "first";

/** Resolves with the name of the first instance if this has started it. `range`: of public addresses, if there are any. */
export async function begin(
  client: Client,
  project: ProjectId,
  range: string | undefined,
  say: Say,
): Promise<string | undefined> {
  const params = { project };
  const { instances } = await client.call(listInstances, { params, query: {} });
  if (instances.length > 0) return undefined;
  const expunged = await client.call(listInstances, {
    params,
    query: { state: "expunged", limit: 1 },
  });
  if (expunged.instances.length > 0) return undefined;
  await say.step("there is a network", async () => {
    if (range) await ensureRange(client, range);
    await ensureNetwork(client, project);
  });
  await say.step("the first instance says that it is up", async () => {
    await client.call(runInstances, { params, query: {}, body: { name } });
    await patiently(120, async () => {
      const view = await client.call(getInstance, {
        params: { ...params, instance: name },
        query: {},
      });
      if (view.state === "failed") throw notRunning(view.cause?.says);
      return view.guest === "up";
    });
  });
  return name;
}

async function ensureNetwork(client: Client, project: ProjectId): Promise<void> {
  const params = { project };
  const { networks } = await client.call(listNetworks, { params, query: {} });
  if (networks.length === 0)
    await client.call(createNetwork, { params, query: {}, body: { name: network } });
}

async function ensureRange(client: Client, cidr: string): Promise<void> {
  const { ranges } = await client.call(listRanges, { params: {}, query: {} });
  if (ranges.length === 0) await client.call(addRange, { params: {}, query: {}, body: { cidr } });
}

const notRunning = (says: string | undefined) =>
  problem(
    "conflict",
    "first_instance_failed",
    `The first instance did not start: ${says ?? "see its events"}`,
    {
      fix: `See why: ./holdfast trace ${name}`,
    },
  );
