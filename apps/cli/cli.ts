/**
 * The command line as a function: words and a world in, an exit code out.
 *
 * This is the only place that turns errors into words and codes. A Problem is life, and is told; anything
 * else is a bug, and is told as one, without its stack unless somebody asks with `--verbose`.
 */
import { Problem, problem, viewOf } from "@holdfast/kernel/problem";
import { type Command, CommanderError } from "commander";
import { groups, programOf } from "./commands.ts";
import { complete } from "./completion.ts";
import { type Exit, exitFor, exits } from "./exits.ts";
import { globalsOf } from "./globals.ts";
import { type Group, pathOf } from "./group.ts";
import { refusalText, type Session, sessionOf } from "./session.ts";
import { Interrupted, type World } from "./world.ts";

/** Carries out one command line. Never throws; what it prints is complete when it resolves. */
export async function cli(
  words: readonly string[],
  world: World,
  commands: readonly Group[] = groups,
): Promise<number> {
  const requestId = world.mintId();
  let session: Session | undefined;
  let running: Command | undefined;
  const open = (command: Command) => {
    running = command;
    session = sessionOf(world, globalsOf(command, world.environment), requestId);
    return session;
  };
  const program = programOf(open, commands);
  speakThrough(program, world);
  try {
    if (words[0] === "__complete") await complete(program, words.slice(1), world);
    else await program.parseAsync([...words], { from: "user" });
    return session?.exitCode ?? exits.ok.code;
  } catch (error) {
    session?.progress.end();
    if (error instanceof CommanderError) return exitOfUsage(error);
    if (error instanceof Interrupted) return exits.interrupted.code;
    return told(
      addressed(error, running),
      session ?? sessionOf(world, globalsOf(program, world.environment), requestId),
    );
  } finally {
    session?.progress.end();
  }
}

/** Commander ends help and versions by throwing too. */
function exitOfUsage({ code }: CommanderError): Exit {
  const isAnswer = code === "commander.helpDisplayed" || code === "commander.version";
  return isAnswer ? exits.ok.code : exits.usage.code;
}

function told(error: unknown, session: Session): Exit {
  const { world, options } = session;
  const known = error instanceof Problem ? error : bug(error);
  world.stderr.write(`${refusalText(viewOf(known), session)}\n`);
  if (options.verbose && error instanceof Error) world.stderr.write(`\n${stackOf(error)}\n`);
  return exitFor(known.kind);
}

/** Where the API would say to read its own description, people at a terminal have a nearer one. */
function addressed(error: unknown, command: Command | undefined): unknown {
  if (!(error instanceof Problem) || error.code !== "invalid_request" || !command) return error;
  const fix = `See what it takes: holdfast help ${pathOf(command).join(" ")}`;
  return problem(error.kind, error.code, error.message, { ...error.details, fix }, error);
}

const bug = (error: unknown) =>
  problem(
    "bug",
    "cli_bug",
    "The command line has made a mistake. What it asked for may have been done.",
    {
      fix: "Type it again with --verbose and report what it prints.",
    },
    error,
  );

/** The stack, and those of the causes below it. */
function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}

function speakThrough(command: Command, world: World): void {
  const { stdout, stderr } = world;
  command.configureOutput({
    writeOut: (text) => void stdout.write(text),
    writeErr: (text) => void stderr.write(text),
    getOutHelpWidth: () => stdout.columns ?? 100,
    getErrHelpWidth: () => stderr.columns ?? 100,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  for (const child of command.commands) speakThrough(child, world);
}
