/** A host for tests: roomy, up, and like every other until a test says what is different. */
import type { HostId } from "@holdfast/kernel/ids";
import type { HostCapacity } from "./model.ts";

export const host = (name: string, facts: Partial<HostCapacity> = {}): HostCapacity => ({
  id: `id-${name}` as HostId, // Nothing in placement looks into an id.
  name,
  zone: "a",
  pod: "p1",
  cluster: "c1",
  tags: [],
  cpus: 8,
  memoryMiB: 8192,
  reservedCpus: 0,
  reservedMemoryMiB: 0,
  state: "up",
  mode: "enabled",
  concerns: [],
  ...facts,
});
