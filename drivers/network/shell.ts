/**
 * A shell that stays, and starts other programs for us.
 *
 * To start a program from a process as large as the agent takes three milliseconds, in which the agent does nothing
 * else: that is longer than what most of these programs do. A shell is small. What it is to do at once is one order, and
 * an order that did not arrive whole, because we were killed, is not begun: it has no closing bracket.
 */
import { resident } from "./resident.ts";

/** One program and what it reads. One that the shell is itself, as `printf` and `kill`, is not started. */
export interface Step {
  readonly argv: readonly string[];
  readonly input?: string;
  /** A file that is to hold what it says. */
  readonly into?: string;
}

export interface Shell {
  /** One after another, up to the first that fails: rejects with what it said. Orders are carried out in turn. */
  run(steps: readonly Step[]): Promise<void>;
  /** Ends it when what it was told is done. */
  close(): void;
}

/** Lines that no program of ours reads or writes. */
const endOfInput = "=== holdfast input ===";
const done = "=== holdfast done ===";

export function shell(argv: readonly string[], env: Readonly<Record<string, string>>): Shell {
  const { order, close } = resident({
    ...{ argv, env, on: ["stdout"] },
    say: (script) => `(set -e\n${script}) </dev/null 2>&1; printf '\\n%s %s\\n' '${done}' $?\n`,
    hear(said) {
      const found = new RegExp(`^${done} (\\d+)\\n`, "m").exec(said);
      const words = said.slice(0, found?.index);
      return found ? { complaints: found[1] === "0" ? undefined : words } : undefined;
    },
  });
  return { run: (steps) => order(steps.map(stepOf).join(""), nameOf(steps)), close };
}

function stepOf({ argv, input, into }: Step): string {
  const order = [...argv.map(quoted), ...(into === undefined ? [] : [`> ${quoted(into)}`])].join(
    " ",
  );
  if (input === undefined) return `${order}\n`;
  return `${order} <<'${endOfInput}'\n${input.replace(/[^\n]$/, "$&\n")}${endOfInput}\n`;
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

const nameOf = (steps: readonly Step[]) =>
  steps.map(({ argv }) => argv.join(" ").slice(0, 200)).join(", ");
