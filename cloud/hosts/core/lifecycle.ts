/**
 * The life of a host, as two small tables that do not multiply: what we know (`state`), and what its
 * operators want of it (`mode`). CloudStack has three overlapping tables for the same host, and no
 * rule between them.
 *
 * `suspect` means that the lease ran out. It says nothing about the guests: they may all be well.
 * Only a proof makes a host `down`, and only a new epoch brings it back from there.
 */
import { type EventOf, machine, type StateOf } from "@holdfast/kernel/fsm";

export const hostLifecycle = machine(
  {
    up: { leaseExpired: "suspect" },
    suspect: { heard: "up", fenceProven: "down", operatorAttested: "down" },
    down: { admitted: "up" },
  },
  { up: ["heard"], suspect: ["leaseExpired"], down: ["leaseExpired", "fenceProven"] },
);

export const hostModes = machine(
  {
    enabled: { drain: "draining", maintain: "maintenance" },
    draining: { drained: "maintenance", enable: "enabled", maintain: "maintenance" },
    maintenance: { enable: "enabled" },
  },
  { enabled: ["enable"], draining: ["drain"], maintenance: ["maintain", "drain"] },
);

export type HostState = StateOf<typeof hostLifecycle>;
export type HostEvent = EventOf<typeof hostLifecycle>;
export type HostMode = StateOf<typeof hostModes>;
export type HostModeEvent = EventOf<typeof hostModes>;
