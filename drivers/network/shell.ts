/**
 * A shell that stays, and starts other programs for us.
 *
 * To start a program from a process as large as the agent takes three milliseconds, in which the agent does nothing
 * else: that is longer than what most of these programs do. A shell is small. What it is to do at once is one order, and
 * an order that did not arrive whole, because we were killed, is not begun: it has no closing bracket.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";

/** One program and what it reads. */
export interface Step {
  readonly argv: readonly string[];
  readonly input: string;
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
  let child: ChildProcessWithoutNullStreams | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(steps) {
      const mine = last.then(() => order(steps));
      last = mine.catch(() => {}); // Whoever asked is told.
      return mine;
    },
    close() {
      const open = child;
      child = undefined;
      void last.then(() => open?.stdin.end());
    },
  };

  function order(steps: readonly Step[]): Promise<void> {
    child ??= begin();
    const mine = child;
    setAlive(mine, true);
    return new Promise<void>((resolve, reject) => {
      let said = "";
      const heard = (text: string) => {
        said += text;
        const found = new RegExp(`^${done} (\\d+)\\n`, "m").exec(said);
        if (!found) return;
        const words = said.slice(0, found.index).trim().slice(0, 2_000);
        over(found[1] === "0" ? undefined : new Error(`${nameOf(steps)} failed: ${words}`));
      };
      const ended = () => over(new Error(`the shell for ${nameOf(steps)} has ended: ${said}`));
      const over = (error: Error | undefined) => {
        mine.stdout.off("data", heard);
        mine.off("close", ended);
        setAlive(mine, false);
        if (error) reject(error);
        else resolve();
      };
      mine.stdout.on("data", heard);
      mine.once("close", ended);
      mine.stdin.write(scriptOf(steps));
    });
  }

  function begin(): ChildProcessWithoutNullStreams {
    const [program = "", ...args] = argv;
    const fresh = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"], cwd: "/" });
    fresh.stdout.setEncoding("utf8");
    fresh.stderr.resume();
    fresh.stdin.on("error", () => {}); // It has ended, and whoever waits is told.
    fresh.on("error", () => {}); // As well: it closes.
    fresh.once("close", () => {
      if (child === fresh) child = undefined;
    });
    return fresh;
  }
}

/** Nobody's process lives on only because this shell does. */
function setAlive(child: ChildProcessWithoutNullStreams, isAlive: boolean): void {
  const pipes = [child.stdin, child.stdout, child.stderr] as unknown as readonly Referred[]; // Sockets, which Node does not say.
  for (const each of [child, ...pipes]) isAlive ? each.ref() : each.unref();
}

interface Referred {
  ref(): void;
  unref(): void;
}

const scriptOf = (steps: readonly Step[]) =>
  `(set -e\n${steps.map(stepOf).join("")}) </dev/null 2>&1; printf '\\n%s %s\\n' '${done}' $?\n`;

const stepOf = ({ argv, input }: Step) =>
  `${argv.map(quoted).join(" ")} <<'${endOfInput}'\n${input.replace(/[^\n]$/, "$&\n")}${endOfInput}\n`;

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

const nameOf = (steps: readonly Step[]) => steps.map(({ argv }) => argv.join(" ")).join(", ");
