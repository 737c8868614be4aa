/** Evidence for tests: an instance that was seen to run, and whatever a test adds to that. */
import type { ExitReport } from "@holdfast/cloud/hosts";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { Evidence, Fence } from "./evidence.ts";

/** When everything in these tests ends. */
export const end = 1_000_000 as Instant;
export const before = (milliseconds: number) => (end - milliseconds) as Instant;

/** A process that is gone, with exit code 0 and nothing else. */
export const exit = (changes: Partial<ExitReport> = {}): ExitReport => ({
  at: end,
  status: { code: 0 },
  requested: false,
  hypervisorLog: [],
  consoleTail: [],
  oomKills: 0,
  events: [],
  kernelLog: [],
  watchdogFired: false,
  bootTimedOut: false,
  ...changes,
});

/** Something that happened to it so many milliseconds before its end. */
export const event = (name: string, ago = 0, detail = "") => ({
  at: before(ago),
  event: name,
  detail,
});

export const fence = (proof: Fence["proof"], silentFor = 6_000): Fence => ({
  id: "fence-1",
  proof,
  silentSince: before(silentFor),
  provenAt: end,
  manager: "m1",
});

export const evidence = (changes: Partial<Evidence> = {}): Evidence => ({
  instance: "0197a000-0000-7000-8000-0000000000a1" as InstanceId,
  generation: 1,
  host: { id: "0197a000-0000-7000-8000-0000000000d1" as HostId, name: "h1" },
  at: end,
  ...changes,
});
