/**
 * `up`, `down`, `join` and `test`: listed here so that help and completion know them. They touch the
 * machine, which the CLI never does, so the launcher hands them to the set-up program directly; this
 * does the same for whoever starts the CLI without the launcher.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Group } from "../group.ts";

const commands = [
  [
    "up",
    "start Holdfast on this machine",
    "Installs what is missing, starts the platform, and runs a first instance. Repeating it changes nothing.",
  ],
  [
    "down",
    "stop Holdfast on this machine",
    "Stops the platform. Guests run on, unless --guests is given; the next up finds them again.",
  ],
  [
    "join",
    "make this machine a host",
    "Joins a cloud with a token from `holdfast hosts token`, and starts guard and agent.",
  ],
  ["test", "run the tests", "Installs what the tests need, and runs them all."],
] as const;

export const platformGroup: Group = (program) => {
  for (const [name, summary, description] of commands)
    program
      .command(name)
      .summary(summary)
      .description(description)
      .argument("[options...]", `see: ./holdfast ${name} --help`)
      .allowUnknownOption()
      .action((_, __, command) => {
        const launcher = join(import.meta.dirname, "..", "holdfast");
        const { status } = spawnSync(launcher, [name, ...command.args], { stdio: "inherit" });
        process.exitCode = status ?? 1;
      });
};
