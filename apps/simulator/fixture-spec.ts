/** A machine on one volume, for tests: shared between hosts, or on the disks of its own if it is called `local`. */
import type { MachineSpec } from "@holdfast/drivers/hypervisor";
import { fileSource } from "@holdfast/kernel/block";
import type { InstanceId } from "@holdfast/kernel/ids";

const id = "019b0000-0000-7000-8000-000000000001" as InstanceId; // It has the form of one.

export function fixtureSpec(generation: number, volume: string): MachineSpec {
  const source = fileSource(`/simulated/${volume}`, "raw", volume !== "local");
  return {
    ...{ id, generation, name: "web", cpus: 1, memoryMiB: 64, boot: "firmware", metadata: {} },
    ...{ paused: false, requestId: "test", isFenceable: true },
    disks: [{ id: "root", source, readOnly: false }],
  };
}
