/**
 * `up`, `down`, `join`, `room`, `drill`, `sim` and `test`: listed here so that help and completion know them. They touch
 * the machine, which the CLI never does, so the launcher hands them to other programs directly; this does
 * the same for whoever starts the CLI without the launcher, or says `--state` before the command.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Command } from "commander";
import type { Group } from "../group.ts";
import type { Globals } from "../session.ts";

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
  [
    "room",
    "break a simulated host, and mend it",
    "The machine room of `up --hosts N`: shows its hosts, or cuts, freezes or switches off one of them.",
  ],
  [
    "drill",
    "break something on purpose, and see it mended",
    "Kills, hangs or cuts off a guest, a host or a part of the platform, and prints how long each step back took, and whether its cause was named.",
  ],
  [
    "sim",
    "run a whole simulated cloud on a seed, and see whether anything breaks",
    "Real managers, guards and agents on simulated time, hosts, disks and networks, with everything that can go wrong going wrong. The same seed is the same run.",
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
        const words = [name, ...command.args, ...said(name, command)];
        const { status } = spawnSync(launcher, words, { stdio: "inherit" });
        process.exitCode = status ?? 1;
      });
};

/** Options of `holdfast` itself: they are not among the words any more, and these programs know some of them. */
function said(name: string, command: Command): readonly string[] {
  const { state, project, json } = command.optsWithGlobals<Partial<Globals>>();
  if (name === "test" || name === "sim") return [];
  return [
    ...(state === undefined ? [] : ["--state", state]),
    ...(name === "drill" && project !== undefined ? ["--project", project] : []),
    ...(name === "drill" && json ? ["--json"] : []),
  ];
}
