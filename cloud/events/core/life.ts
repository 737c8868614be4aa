/**
 * The life of one piece of work on a host, as a table.
 *
 * `preparing`: nothing new is placed there, and what was being started may finish that. `emptying`: what runs
 * there leaves. `blocked`: something cannot, and says why; everything else goes on leaving. Whatever the state,
 * `end` gives the host back, so that no work can become a trap.
 */
import { machine, type StateOf } from "@holdfast/kernel/fsm";

export const maintenanceLife = machine(
  {
    planned: { due: "preparing", end: "ended" },
    preparing: { ready: "emptying", emptied: "in-maintenance", end: "ended" },
    emptying: { obstructed: "blocked", emptied: "in-maintenance", end: "ended" },
    blocked: { cleared: "emptying", emptied: "in-maintenance", end: "ended" },
    "in-maintenance": { occupied: "emptying", end: "ended" },
    ended: {},
  },
  { ended: ["end"] },
);

export type MaintenanceState = StateOf<typeof maintenanceLife>;
