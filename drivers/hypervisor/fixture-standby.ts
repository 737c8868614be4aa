/**
 * An agent that may be killed: a process with a driver that has one process on standby. It says `waits`, and starts the
 * machine when it is told to. Not for anything but tests.
 */
import { once } from "node:events";
import type { MachineSpec, TemplateSpec } from "./driver.ts";
import { wallClock } from "./fixture-host.ts";
import { type QemuOptions, qemuHypervisor } from "./qemu.ts";

export interface KillableOrder {
  readonly options: Omit<QemuOptions, "clock">;
  readonly template: string;
  readonly like: TemplateSpec;
  readonly spec: MachineSpec;
}

const { options, template, like, spec } = JSON.parse(process.argv[2] ?? "") as KillableOrder; // By our own test.
const driver = qemuHypervisor({ ...options, clock: wallClock });
await driver.standBy(template, like);
process.stdout.write("waits\n");
await once(process.stdin, "data");
await driver.start(spec);
