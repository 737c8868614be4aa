/**
 * An agent, put together: one host's link to the managers and the machines it keeps.
 *
 * It may be killed at any moment. The guests do not notice, and the next one adopts them.
 */
import {
  dialler,
  type Keeper,
  keeper,
  type Link,
  type Membership,
  openLink,
  type Shelf,
} from "@holdfast/cloud/agent/edge";
import type { HostFacts } from "@holdfast/cloud/hosts";
import type { Hypervisor } from "@holdfast/drivers/hypervisor";
import type { Digest, Disks } from "@holdfast/drivers/images";
import type { VolumeId } from "@holdfast/kernel/ids";
import type { Clock, Duration, Ticks } from "@holdfast/kernel/time";
import type { Logger } from "pino";

export interface AgentOptions {
  readonly membership: Membership;
  readonly managers: readonly string[];
  readonly hypervisor: Hypervisor;
  readonly disks: Disks;
  readonly ensureBlob: (digest: Digest) => Promise<string>;
  readonly volumeFile: (volume: VolumeId) => string;
  readonly shelf: Shelf;
  readonly machine: {
    readonly bootId: string;
    readonly cpus: number;
    readonly memoryMiB: number;
    readonly facts: HostFacts;
  };
  readonly onRenewed: (sentAt: number, lease: Duration) => void;
  readonly hasGuard: () => boolean;
  readonly traceLines: Parameters<typeof openLink>[0]["traceLines"];
  readonly clock: Clock;
  readonly ticks: Ticks;
  readonly log: Logger;
}

export interface Agent {
  readonly keeper: Keeper;
  readonly link: Link;
  close(): Promise<void>;
}

export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { hypervisor, disks, ensureBlob, volumeFile, shelf, clock, ticks, log } = options;
  let link: Link | undefined;
  const say = (message: string, about: Record<string, unknown>) => log.info(about, message);
  const kept = keeper({
    hypervisor,
    disks,
    ensureBlob,
    volumeFile,
    shelf,
    clock,
    onReport: (machines, volumes) => link?.report([...machines], [...volumes]),
    log: say,
  });
  await kept.open();
  const opened = openLink({
    dial: dialler(options.managers, options.membership),
    keeper: kept,
    hypervisor,
    machine: options.machine,
    ticks,
    onRenewed: options.onRenewed,
    hasGuard: options.hasGuard,
    traceLines: options.traceLines,
    log: say,
  });
  link = opened;
  return {
    keeper: kept,
    link: opened,
    async close() {
      opened.close();
      kept.close();
      await hypervisor.close();
    },
  };
}
