/**
 * Whether a drill can begin: everything that it is about must be well, or it could not tell what it has done from
 * what was wrong before.
 */

import { type Client, connect } from "@holdfast/client/client";
import { allHosts } from "@holdfast/client/pages";
import { listProjects } from "@holdfast/cloud/access/api";
import type { HostView } from "@holdfast/cloud/hosts/api";
import { getInstance, type InstanceView, listInstances } from "@holdfast/cloud/instances/api";
import { listSettings } from "@holdfast/cloud/settings/api";
import { onePage } from "@holdfast/kernel/pages";
import { type Problem, problem } from "@holdfast/kernel/problem";
import type { Stage } from "./report.ts";
import { journalOf, orAway } from "./victims.ts";

const allWell =
  "A drill begins with everything well: see holdfast health, and try again when it is.";

export async function readyInstance(
  { client, project }: Stage,
  name: string,
): Promise<InstanceView> {
  const instance = await client.call(getInstance, { params: { project, instance: name } });
  if (instance.state === "running" && instance.guest === "up") return instance;
  throw notReady(
    `${instance.name} is ${instance.state}, and its guest ${instance.guest ?? "gone"}.`,
    { fix: allWell },
  );
}

/**
 * A guest that the platform would not start again is not killed for practice. Where it was started within the
 * window by itself as often as it may be, it might be left dead.
 */
export async function mayBeRestarted({ client }: Stage, instance: InstanceView): Promise<void> {
  const { name, recovery, restarts } = instance;
  if (recovery === "none")
    throw notReady(`${name} is not started again when it has died: its recovery is none.`, {
      fix: `Allow it: holdfast recovery ${name} --policy automatic`,
    });
  const { settings } = await client.call(listSettings);
  const setting = (wanted: string) =>
    Number(settings.find((one) => one.name === wanted)?.value ?? Number.NaN);
  const budget = setting("instances.restart_budget");
  if (restarts < budget) return;
  // What the instance says may be older than the window, and of the journal not everything counts.
  const windowStart = Date.now() - setting("instances.restart_window") * 1_000;
  const events = await journalOf(client, instance, 0);
  const starts = events.filter(({ event, at }) => event === "autoStart" && at > windowStart);
  if (starts.length < budget) return;
  throw notReady(
    `${name} was started again ${starts.length} times already, and would be given up now.`,
    {
      fix: `Stop and start it, which gives it a new budget: holdfast stop ${name}; holdfast start ${name}`,
    },
  );
}

/** Operators only: the manager refuses a project's token. */
export async function readyHost({ client }: Stage, name: string): Promise<HostView> {
  const hosts = await allHosts(client.call);
  const host = hosts.find((one) => one.name === name || one.id === name);
  if (!host)
    throw problem("not_found", "host_not_found", `There is no host ${name}.`, {
      fix: "See them: holdfast hosts",
    });
  if (isIn(host)) return host;
  throw notReady(
    `${host.name} is ${host.state}${host.isConnected ? "" : ", and its agent is away"}.`,
    { fix: allWell },
  );
}

/** Every guest that is up, of all projects; on one host or anywhere. */
export async function guestsOn(
  { client }: Stage,
  host: string | undefined,
): Promise<readonly InstanceView[]> {
  const { projects } = await onePage("projects", (after) =>
    client.call(listProjects, { query: { after } }),
  );
  const query = {
    state: "running",
    limit: 1_000,
    ...(host === undefined ? {} : { host }),
  } as const;
  const lists = await Promise.all(
    projects.map(({ id }) => client.call(listInstances, { params: { project: id }, query })),
  );
  return lists.flatMap(({ instances }) => instances).filter(({ guest }) => guest === "up");
}

/** Whether the API answers and every host that was connected is so, or this one alone. */
export async function wellness(
  client: Client,
  host: HostView | undefined,
): Promise<() => Promise<boolean>> {
  // A call that is stuck must not look like patience.
  const quick = connect({ ...client.connection, timeoutSeconds: 2 });
  const seen = async () => (await allHosts(quick.call)).filter(isIn).map(({ name }) => name);
  const before = host ? [host.name] : await seen();
  return async () => {
    const now = await orAway(seen());
    return now !== undefined && before.every((name) => now.includes(name));
  };
}

/** Its agent is there. Its guard alone keeps it `isConnected`, and knows nothing of an agent's guard. */
export const isIn = ({ state, isConnected, hasGuard }: HostView) =>
  state === "up" && isConnected && hasGuard !== null;

/** Nothing was touched. */
export const notReady = (message: string, { fix }: { readonly fix: string }): Problem =>
  problem("conflict", "drill_not_ready", message, { fix });
