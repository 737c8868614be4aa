/** What a command reads: a file, what is piped into it, or one line that somebody types. */
import { readFile } from "node:fs/promises";
import { problem } from "@holdfast/kernel/problem";

/** What is piped into a command, as text. */
export async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString("utf8");
}

/** The text of a file; `-` is standard input. Rejects with `file_unreadable`. */
export async function textIn(file: string, stdin: NodeJS.ReadableStream): Promise<string> {
  if (file === "-") return textOf(stdin);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw problem(
      "invalid",
      "file_unreadable",
      `${file} cannot be read.`,
      {
        fix: "Name a file that exists and that you may read, or - for standard input.",
      },
      error,
    );
  }
}

/** One line, without its end; what there is where the input ends before it. Rejects when `stop` fires. */
export function lineOf(stream: NodeJS.ReadableStream, stop: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const finish = (act: () => void) => {
      stream.off("data", onData);
      stream.off("end", onEnd);
      stream.off("error", onError);
      stop.removeEventListener("abort", onStop);
      stream.pause(); // A terminal that is still read keeps the process alive.
      act();
    };
    const onEnd = () => finish(() => resolve(lineIn(pieces) ?? textFrom(pieces)));
    const onError = (error: unknown) => finish(() => reject(error));
    const onStop = () => finish(() => reject(stop.reason));
    const onData = (piece: Buffer | string) => {
      pieces.push(Buffer.from(piece));
      const line = lineIn(pieces);
      if (line !== undefined) finish(() => resolve(line));
    };
    if (stop.aborted) return reject(stop.reason);
    stop.addEventListener("abort", onStop);
    stream.on("error", onError);
    stream.on("end", onEnd);
    stream.on("data", onData);
    stream.resume();
  });
}

const textFrom = (pieces: readonly Buffer[]) => Buffer.concat(pieces).toString("utf8");

function lineIn(pieces: readonly Buffer[]): string | undefined {
  const [line, ...rest] = textFrom(pieces).split("\n");
  return rest.length > 0 ? line?.replace(/\r$/, "") : undefined;
}
