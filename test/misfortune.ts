/**
 * What is killed while clients work, dealt from a shuffled deck so that everything happens in every run.
 *
 * Whatever was killed comes back: managers by themselves, the rest here, after a pause.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { endMachine } from "@holdfast/drivers/hypervisor/simulated";
import type { Random } from "@holdfast/kernel/random";
import { wallClock } from "../drivers/hypervisor/fixture-host.ts";
import type { Cluster } from "./cluster.ts";

export const misfortunes = [
  ...["manager", "manager", "manager", "both managers"],
  ...["agent", "agent", "agent", "silent agent", "every agent"],
  ...["database", "database", "everything", "crash", "crash"],
] as const;
export type Misfortune = (typeof misfortunes)[number];

export async function strike(cluster: Cluster, what: Misfortune, random: Random): Promise<void> {
  const { managers, hosts, server } = cluster;
  const host = hosts[random.below(hosts.length)];
  const killManagers = () => {
    for (const manager of managers) manager.kill();
  };
  const killAgents = () => {
    for (const each of hosts) cluster.killAgent(each);
  };
  const reviveAgents = async () => {
    for (const each of hosts) if (!each.agent) await cluster.startAgent(each);
  };
  switch (what) {
    case "manager":
      return managers[random.below(managers.length)]?.kill();
    case "both managers":
      return killManagers();
    case "agent":
      if (host) cluster.killAgent(host);
      await sleep(random.below(300));
      return reviveAgents();
    case "silent agent":
      if (host) cluster.killAgent(host);
      await sleep(3_500); // Longer than the lease of two seconds: its instances are lost, and found again.
      return reviveAgents();
    case "every agent":
      killAgents();
      await sleep(random.below(300));
      return reviveAgents();
    case "database":
      server.kill();
      await sleep(random.below(300));
      return server.revive();
    case "everything":
      killManagers();
      server.kill();
      killAgents();
      await sleep(random.below(500));
      await server.revive();
      return reviveAgents();
    case "crash": {
      const running = [...(host?.world.machines.values() ?? [])].filter(({ exit }) => !exit);
      const machine = running[random.below(running.length || 1)];
      const how = { status: { signal: "SIGSEGV" } };
      if (host && machine) endMachine(host.world, machine.spec, wallClock, how);
    }
  }
}
