/**
 * What could come next on a command line, for the shell to offer.
 *
 * It walks the same commander tree that will parse the line, so it cannot know other options than the
 * parser. It is quiet and quick whatever happens: a shell that hangs on Tab because a manager is away
 * would be worse than no completion at all.
 */
import { connect } from "@holdfast/client/client";
import type { Command, Option } from "commander";
import { findConnection, trusting } from "./connection.ts";
import { globalsOf } from "./globals.ts";
import { isNoun, type Noun, namesOf } from "./names.ts";
import type { World } from "./world.ts";

/** How long a name may take to come. People notice a quarter of a second and forgive one. */
const patienceSeconds = 1;

/** What the word under the cursor may be. */
export type Wanted =
  | { readonly of: "words"; readonly words: readonly string[] }
  | { readonly of: "names"; readonly noun: Noun; readonly not: readonly string[] }
  | { readonly of: "files" }
  | { readonly of: "nothing" };

/** Prints one candidate a line; a line `:files` asks the shell to offer files. `words` end with the one under the cursor. */
export async function complete(
  program: Command,
  words: readonly string[],
  world: World,
): Promise<void> {
  const { command, wanted } = wantedAt(program, words);
  const typed = words.at(-1) ?? "";
  const found = await candidates(wanted, command, world).catch(() => []);
  for (const word of found)
    if (word.startsWith(typed) || word === ":files") world.stdout.write(`${word}\n`);
}

async function candidates(
  wanted: Wanted,
  command: Command,
  world: World,
): Promise<readonly string[]> {
  switch (wanted.of) {
    case "words":
      return wanted.words;
    case "files":
      return [":files"];
    case "nothing":
      return [];
    case "names": {
      const { state, project } = globalsOf(command, world.environment);
      const connection = await trusting(await findConnection(state, world.environment));
      const client = connect({ ...connection, timeoutSeconds: patienceSeconds });
      const names = await namesOf(client, project, wanted.noun);
      return names.filter((name) => !wanted.not.includes(name));
    }
  }
}

/** Where the cursor is, and what may stand there. Pure, apart from noting global options that were given. */
function wantedAt(
  program: Command,
  words: readonly string[],
): { readonly command: Command; readonly wanted: Wanted } {
  let command = program;
  let options = true;
  const operands: string[] = [];
  const before = words.slice(0, -1);
  for (let index = 0; index < before.length; index++) {
    const word = before[index] ?? "";
    if (options && word === "--") options = false;
    else if (options && word.startsWith("-")) {
      const option = optionOf(command, word);
      if (!option || !takesValue(option) || word.includes("=")) continue;
      if (index === before.length - 1) return { command, wanted: valueWanted(option) };
      index++;
      command.setOptionValueWithSource(option.attributeName(), before[index], "cli");
    } else {
      const next = operands.length === 0 ? childOf(command, word) : undefined;
      if (next) command = next;
      else operands.push(word);
    }
  }
  const typed = words.at(-1) ?? "";
  if (options && typed.startsWith("-"))
    return { command, wanted: { of: "words", words: flagsOf(command) } };
  return { command, wanted: operandOf(command, operands) };
}

function operandOf(command: Command, operands: readonly string[]): Wanted {
  const children = operands.length === 0 ? visible(command) : [];
  if (children.length > 0) return { of: "words", words: children };
  const declared = command.registeredArguments;
  const last = declared.at(-1);
  const argument = declared[operands.length] ?? (last?.variadic ? last : undefined);
  if (!argument) return { of: "nothing" };
  if (argument.argChoices) return { of: "words", words: argument.argChoices };
  if (command.name() === "help")
    return { of: "words", words: [...visible(root(command)), "exit-codes"] };
  return named(argument.name(), operands);
}

function valueWanted(option: Option): Wanted {
  if (option.argChoices) return { of: "words", words: option.argChoices };
  return named(/<([^>.]+)/.exec(option.flags)?.[1] ?? "", []);
}

/** From the name of an argument to what it stands for: `<instances...>` are instances. */
function named(name: string, not: readonly string[]): Wanted {
  const noun = isNoun(name) ? name : name.replace(/s$/, "");
  if (isNoun(noun)) return { of: "names", noun, not };
  return /^(file|dir|file-or-url)$/.test(name) ? { of: "files" } : { of: "nothing" };
}

const hidden = (command: Command) => "_hidden" in command && command._hidden === true;
const visible = (command: Command) =>
  command.commands.filter((one) => !hidden(one)).map((one) => one.name());
const childOf = (command: Command, word: string) =>
  command.commands.find((one) => one.name() === word || one.aliases().includes(word));
const optionOf = (command: Command, word: string) =>
  command.options.find(({ long, short }) => word.split("=")[0] === long || word === short);
const takesValue = ({ required, optional }: Option) => required || optional;
const flagsOf = (command: Command) => [
  ...command.options.flatMap(({ long }) => long ?? []),
  "--help",
];
const root = (command: Command): Command => (command.parent ? root(command.parent) : command);
