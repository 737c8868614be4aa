/** Keys of guests, alarms, settings and types. */
import { befall } from "@holdfast/drivers/hypervisor/simulated";
import { wallClock } from "../../clock.ts";
import { at, homeOf, make, type Operation } from "../operation.ts";

const key = {
  name: "mine",
  publicKey:
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWPyxBeVHqT4ZsvkrHfB7VKtKpmlCMwOZt0VXRzc9Uh somebody",
};
const alarm = { name: "watcher", instance: "web", check: "instance", action: "recover" };
const type = { cpus: 1, memoryMiB: 128, diskGiB: 1 };

export const restOperations: readonly Operation[] = [
  { name: "key-add", act: ({ ask }) => ask("POST", `${at}/keys`, key) },
  {
    name: "key-delete",
    prepare: ({ must }) => must("POST", `${at}/keys`, key),
    act: ({ ask }) => ask("DELETE", `${at}/keys/mine`),
  },
  {
    name: "alarm-create",
    prepare: (stage) => make(stage),
    act: ({ ask }) => ask("POST", `${at}/alarms`, alarm),
  },
  {
    name: "alarm-delete",
    async prepare(stage) {
      await make(stage);
      await stage.must("POST", `${at}/alarms`, alarm);
    },
    act: ({ ask }) => ask("DELETE", `${at}/alarms/watcher`),
  },
  {
    name: "alarm-acts",
    async prepare(stage) {
      await make(stage);
      await stage.must("POST", `${at}/alarms`, alarm);
    },
    async act(stage) {
      const station = await homeOf(stage);
      const [machine] = station.running();
      if (machine) befall(station.world, machine.spec, wallClock, "panic");
    },
  },
  {
    name: "setting-change",
    act: ({ ask }) => ask("PUT", "/v1/settings/placement.planner", { value: "best-fit" }),
  },
  { name: "type-put", act: ({ ask }) => ask("PUT", "/v1/types/bigger", type) },
];
