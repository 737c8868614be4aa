/**
 * Has an image built: by the set-up program, because that touches the machine and the command line does not.
 *
 * It is told to stop by closing its standard input, never by a signal: that also happens when we are killed.
 * It runs in a session of its own, so that Ctrl-C reaches only us and it can clean up in peace.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { BuildWord, type Built } from "@holdfast/cloud/images";
import { type ProblemView, problem } from "@holdfast/kernel/problem";

export interface BuildOrder {
  readonly recipe: string;
  /** A directory with room. */
  readonly work: string;
  readonly mirror?: string;
  readonly signal: AbortSignal;
}

/** Its file is there until it is released. */
export type BuiltHere = Built & { release(): Promise<void> };

/** `hear` gets every word before the last. Rejects with what it failed with, or with the signal's reason. */
export type BuildImage = (order: BuildOrder, hear: (word: BuildWord) => void) => Promise<BuiltHere>;

/** `program`: the set-up program, as a file for Node. */
export function builder(program: string): BuildImage {
  return async ({ recipe, work, mirror, signal }, hear) => {
    signal.throwIfAborted();
    const more = mirror === undefined ? [] : ["--mirror", mirror];
    const argv = [program, "build-image", recipe, "--work", work, ...more];
    const child = spawn(process.execPath, argv, { detached: true, stdio: "pipe" });
    const ended = once(child, "close");
    let lastWords = "";
    child.stderr.on("data", (piece) => {
      lastWords = `${lastWords}${piece}`.slice(-2_000);
    });
    child.stdin.on("error", () => {}); // It ended before we asked it to.
    const release = async () => {
      child.stdin.end();
      await ended;
    };
    const stop = () => child.stdin.end();
    signal.addEventListener("abort", stop);
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const word = BuildWord.parse(JSON.parse(line));
        if (word.is === "built" && !signal.aborted) return { ...word, release };
        if (word.is === "failed") throw asProblem(word.problem as ProblemView); // Its kind is one of ours.
        hear(word);
      }
      signal.throwIfAborted();
      throw new Error(`the program that builds images has ended: ${lastWords.trim()}`);
    } catch (error) {
      await release();
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  };
}

const asProblem = ({ kind, code, message, ...details }: ProblemView) =>
  problem(kind, code, message, details);
