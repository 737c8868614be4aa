/**
 * What a group of commands is, and the shape that several of them share.
 *
 * A group declares; it does nothing until commander calls one of its actions, which then opens a session.
 */
import type { Command } from "commander";
import { choice, nearest } from "./nearest.ts";
import type { Session } from "./session.ts";

/** Adds commands to the program. `open` begins a session with the options of the command that is run. */
export type Group = (program: Command, open: (command: Command) => Session) => void;

/**
 * A command that lists when nothing more is said, and has subcommands to change what it lists. A word
 * that is none of them is a mistake to point out, not something to ignore.
 */
export function listing(
  program: Command,
  name: string,
  summary: string,
  description: string,
  list: (command: Command) => Promise<void>,
): Command {
  const command = program
    .command(name)
    .summary(summary)
    .description(description)
    .helpCommand(false);
  return command.allowExcessArguments().action(async (_, self: Command) => {
    if (self.args.length > 0) unknownWord(self, self.args[0] ?? "");
    await list(self);
  });
}

/** Ends as commander does for a command that it does not know, with its own suggestion. */
export function unknownWord(command: Command, word: string): never {
  const names = command.commands.map((one) => one.name());
  const near = nearest(word, names);
  const hint = near.length > 0 ? `\n(Did you mean ${choice(near)}?)` : "";
  return command.error(`error: unknown command '${word}'${hint}`, {
    code: "commander.unknownCommand",
  });
}

/** `hosts set`, as its words. */
export function pathOf(command: Command): readonly string[] {
  return command.parent ? [...pathOf(command.parent), command.name()] : [];
}
