/** Whether guests boot on this host just now: what can be made ahead for others waits for them. */
import type { Hypervisor } from "@holdfast/drivers/hypervisor";
import { type Clock, minutes } from "@holdfast/kernel/time";

/** A guest that never says that it is ready does not keep others without what is made for them. */
const longestBoot = minutes(2);

export function isBooting(hypervisor: Pick<Hypervisor, "list">, clock: Clock): boolean {
  const oldest = clock.now() - longestBoot;
  return hypervisor
    .list()
    .some((view) => view.is === "running" && view.guest === "booting" && view.since > oldest);
}
