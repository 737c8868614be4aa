/** The real machines of this host as targets, read from the agent's run directory and from /proc. */
import {
  type FenceableMachine,
  findFenceable,
  killFenceable,
  noteFenced,
} from "@holdfast/drivers/hypervisor/fenceable";
import type { Instant } from "@holdfast/kernel/time";
import type { Target } from "./executioner.ts";

export const fenceableMachines = (runDirectory: string, wallClock: () => Instant) => async () =>
  (await findFenceable(runDirectory)).map((machine) => targetOf(machine, wallClock));

function targetOf(machine: FenceableMachine, wallClock: () => Instant): Target {
  const { id, generation } = machine.ref;
  return {
    key: `${id}.g${generation}`,
    name: machine.name,
    note: (why) => noteFenced(machine.paths, { at: wallClock(), why }),
    kill: () => killFenceable(machine),
  };
}
