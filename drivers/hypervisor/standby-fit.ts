/** Which starts a process on standby can be taken for. Everything else is started as if there were none. */
import type { MachineSpec, TemplateSpec } from "./driver.ts";

/** What a process on standby is good for. */
export interface Order {
  /** Directory of the template. */
  readonly template: string;
  readonly spec: TemplateSpec;
}

/** Only what is exactly like it. What other hosts could start as well is launched where their guards look. */
export function fitsOrder({ template, spec }: Order, wanted: MachineSpec): boolean {
  const { disks, nics = [], boot, cpus, memoryMiB } = wanted;
  const [disk] = disks;
  return (
    wanted.template === template &&
    cpus === spec.cpus &&
    memoryMiB === spec.memoryMiB &&
    JSON.stringify(boot) === JSON.stringify(spec.boot) &&
    disks.length === 1 &&
    disk !== undefined &&
    !disk.readOnly &&
    !disk.source.isShared &&
    !wanted.isFenceable &&
    nics.length <= 1 &&
    !wanted.seed &&
    !wanted.paused
  );
}
