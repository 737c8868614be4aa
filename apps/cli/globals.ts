/**
 * The options that every command takes.
 *
 * They are copied to each command (without showing in its help), so that `holdfast list --json` works as
 * `holdfast --json list` does, except where a command has an option of that name itself: `list --state`
 * is a state, `holdfast --state` a directory.
 */
import { type Command, Option } from "commander";
import { defaultState } from "./connection.ts";
import { pathOf } from "./group.ts";
import type { Globals } from "./session.ts";
import type { Environment } from "./world.ts";

/** The global options for `command`: the nearest word counts, and a command's own option is never meant. */
export function globalsOf(command: Command, environment: Environment): Globals {
  const said = (name: keyof Globals): unknown => {
    for (let at: Command | null = command; at; at = at.parent)
      if (at.getOptionValueSource(name) === "cli" && !hasOwn(at, name))
        return at.getOptionValue(name);
    return undefined;
  };
  return {
    json: said("json") === true,
    verbose: said("verbose") === true,
    color: said("color") !== false,
    project: String(said("project") ?? "default"),
    state: stateIn(said("state") ?? environment.HOLDFAST_STATE),
  };
}

const stateIn = (given: unknown) => (given ? String(given) : undefined);

export const globals = (): readonly Option[] => [
  new Option("--json", "print exactly what the API replies"),
  new Option("--project <project>", 'the project (default: "default")'),
  new Option(
    "--state <dir>",
    `where the platform keeps its state (default: HOLDFAST_STATE or ${defaultState})`,
  ),
  new Option("--verbose", "tell the request id and every call; show where an error comes from"),
  new Option("--no-color", "no colours, also with NO_COLOR"),
];

/** The options that were added here, and not by the command itself. */
const copies = new WeakSet<Option>();

const hasOwn = (command: Command, name: string) =>
  command.parent !== null &&
  command.options.some((option) => option.attributeName() === name && !copies.has(option));

/** What all commands share, after they have said what is theirs. */
export function finish(command: Command): void {
  const isLeaf = command.commands.length === 0;
  for (const option of globals()) {
    if (command.options.some(({ long }) => long === option.long)) continue;
    copies.add(option.hideHelp());
    command.addOption(option);
  }
  command.helpOption("-h, --help", "print help");
  command.showHelpAfterError(`next:    holdfast help ${pathOf(command).join(" ")}`);
  if (isLeaf) return;
  command.enablePositionalOptions();
  for (const child of command.commands) finish(child);
}
