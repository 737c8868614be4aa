/**
 * One command being carried out: its options, its manager, and how it speaks.
 *
 * Everything that a group of commands needs is here, so that the groups themselves read like a table of
 * what is asked and what is shown. Nothing is read or connected before a command asks for it: `help`
 * and usage errors work on a machine that has nothing.
 */
import { type Client, connect } from "@holdfast/client/client";
import { type Patience, patiently } from "@holdfast/client/patience";
import type { Problem, ProblemView } from "@holdfast/kernel/problem";
import { viewOf } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import { findConnection, trusting } from "./connection.ts";
import { type Exit, exitFor, exits, together } from "./exits.ts";
import { type Noun, suggesting } from "./names.ts";
import { type Progress, progressOn } from "./progress.ts";
import { problemText } from "./text/problems.ts";
import { ansiPaint, noPaint, type Paint } from "./text/table.ts";
import { span } from "./text/words.ts";
import type { Screen, World } from "./world.ts";

/** The options that every command takes. */
export interface Globals {
  readonly json: boolean;
  readonly project: string;
  /** The directory that was named; undefined: none was. */
  readonly state: string | undefined;
  readonly verbose: boolean;
  readonly color: boolean;
}

export interface Session {
  readonly world: World;
  readonly options: Globals;
  readonly requestId: string;
  readonly paint: Paint;
  readonly progress: Progress;
  /** Waits for a manager that is away, and shows that it does. */
  readonly patience: Patience;
  now(): Instant;
  client(): Promise<Client>;
  /** As the client's; whatever takes longer than a second is shown. */
  readonly call: Client["call"];
  /** Waits for `answer`; if there is nothing of that name, the problem says which names are near. */
  named<T>(noun: Noun, typed: string, answer: Promise<T>): Promise<T>;
  /** The reply itself with `--json`, otherwise what `text` makes of it. */
  show(reply: unknown, text: () => string): void;
  /** A line for the result; nothing else may be printed there. */
  print(line: string): void;
  /** A line for the reader, beside the result. Silent with `--json`. */
  note(line: string): void;
  /** Says what went wrong with one of several things, and remembers how the command must end. */
  report(problem: Problem): void;
  /** How the command must end, besides what it has ended with so far. */
  leaveWith(code: Exit): void;
  readonly exitCode: Exit;
}

export function sessionOf(world: World, options: Globals, requestId: string): Session {
  const paint = paintFor(world.stdout, world, options);
  const progress = progressOn(world.stderr, world.clock);
  let exitCode: Exit = exits.ok.code;
  let found: Promise<Client> | undefined;
  const client = () => {
    found ??= open(world, options, requestId, (line) => progress.above(line));
    return found;
  };
  const patience: Patience = {
    clock: world.clock,
    signal: world.interrupted,
    onAway: ({ message }, awayFor) =>
      progress.say(
        world.stderr.isTTY
          ? `Waiting: ${message} Away for ${span(awayFor)}`
          : `Waiting: ${message} Trying again.`,
      ),
  };
  const call: Client["call"] = async (route, ...input) => {
    const ready = await client();
    const { url } = ready.connection;
    return slowly(progress, `Waiting for the manager at ${url}`, ready.call(route, ...input));
  };
  const session: Session = {
    world,
    options,
    requestId,
    paint,
    progress,
    patience,
    now: () => world.clock.now(),
    client,
    call,
    named: async (noun, typed, answer) => {
      answer.catch(() => {}); // It is awaited below, but only once there is a client.
      return suggesting(answer, noun, typed, {
        client: await client(),
        project: options.project,
      });
    },
    show: (reply, text) => session.print(options.json ? JSON.stringify(reply, null, 2) : text()),
    print: (line) => {
      progress.end();
      world.stdout.write(`${line}\n`);
    },
    note: (line) => {
      if (!options.json) progress.above(line);
    },
    report: (problem) => {
      progress.above(refusalText(viewOf(problem), session));
      session.leaveWith(exitFor(problem.kind));
    },
    leaveWith: (code) => {
      exitCode = together(exitCode, code);
    },
    get exitCode() {
      return exitCode;
    },
  };
  return session;
}

/** A problem as this session prints it: for people, or with `--json` as it travels. */
export function refusalText(
  view: ProblemView,
  { world, options, requestId }: Pick<Session, "world" | "options" | "requestId">,
): string {
  if (options.json) return JSON.stringify({ ...view, requestId }, null, 2);
  return problemText(view, requestId, paintFor(world.stderr, world, options));
}

/** Asks again while the manager is away. For reads, and for commands with an idempotency key. */
export async function patientCall<T>(session: Session, ask: () => Promise<T>): Promise<T> {
  return patiently(ask, session.patience);
}

function paintFor(screen: Screen, { environment }: World, { color }: Globals): Paint {
  return screen.isTTY && color && !environment.NO_COLOR ? ansiPaint : noPaint;
}

async function open(
  world: World,
  { state, verbose }: Globals,
  requestId: string,
  tell: (line: string) => void,
): Promise<Client> {
  const connection = await trusting(await findConnection(state, world.environment));
  if (!verbose) return connect({ ...connection, requestId, signal: world.interrupted });
  tell(`request ${requestId}, to ${connection.url}`);
  const told: typeof fetch = async (address, init) => {
    const asked = world.clock.now();
    const answer = await (connection.fetch ?? fetch)(address, init);
    tell(`${init?.method} ${address}: ${answer.status} in ${world.clock.now() - asked} ms`);
    return answer;
  };
  return connect({ ...connection, requestId, signal: world.interrupted, fetch: told });
}

/** Shows that something is waited for once it has taken a second. Says nothing about what is quick. */
export async function slowly<T>(progress: Progress, text: string, work: Promise<T>): Promise<T> {
  let isShown = false;
  const timer = setTimeout(() => {
    isShown = true;
    progress.say(text);
  }, 1_000);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    if (isShown) progress.end();
  }
}
