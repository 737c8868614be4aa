/** `recovery`: what automation does when an instance has died. Without an option it only shows it. */
import { recoveries } from "@holdfast/cloud/instances";
import { changeRecovery, getInstance, type InstanceView } from "@holdfast/cloud/instances/api";
import { Option } from "commander";
import type { Group } from "../group.ts";
import { list, whole } from "../options.ts";
import { recoveryText } from "../text/instances.ts";

interface Options {
  readonly policy?: InstanceView["recovery"];
  readonly priority?: number;
  /** False for `--no-depends-on`. */
  readonly dependsOn?: readonly string[] | false;
}

export const recoveryOption = (flags: string) =>
  new Option(
    flags,
    "after a death: automatic (as its cause says), in-place (on its host only), elsewhere (on another if there is one), none (it stays stopped)",
  ).choices(recoveries);

export const recoveryGroup: Group = (program, open) => {
  program
    .command("recovery")
    .summary("change what is done when an instance has died")
    .description(`${changeRecovery.summary} Without an option, shows it.`)
    .argument("<instance>", "its name or id")
    .addOption(recoveryOption("--policy <policy>"))
    .option("--priority <n>", "who is started first where not all find room", whole)
    .option(
      "--depends-on <instance>",
      "a restart waits until these are up, from now on; may be repeated",
      (text: string, before?: readonly string[] | false) => list(text, before || []),
    )
    .option("--no-depends-on", "wait for nobody")
    .action(async (instance: string, { policy, priority, dependsOn }: Options, command) => {
      const session = open(command);
      const params = { project: session.options.project, instance };
      const body = {
        recovery: policy,
        priority,
        dependsOn: dependsOn === false ? [] : dependsOn && [...dependsOn],
      };
      const isQuestion = Object.values(body).every((value) => value === undefined);
      const asked = isQuestion
        ? session.call(getInstance, { params })
        : session.call(changeRecovery, { params, body });
      const reply = await session.named("instance", instance, asked);
      session.show(reply, () => recoveryText(reply, session.paint));
    });
};
