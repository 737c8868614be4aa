/**
 * A log like that of the other programs, one line of JSON for each message, without their library: it is
 * a fifth of what this process would weigh.
 *
 * Never waits: a disk that hangs must not stop the guard. What cannot be written soon is dropped.
 */
import { write } from "node:fs";

const mostWaiting = 200;

export function asyncLog(wallClock: () => number, file = 1) {
  const waiting: string[] = [];
  let isWriting = false;
  return (message: string, about: Record<string, unknown>): void => {
    if (waiting.length >= mostWaiting) return;
    const { error, ...rest } = about;
    const shown = error instanceof Error ? describe(error) : error;
    const line = { level: error ? 40 : 30, time: wallClock(), process: "guard", ...rest };
    waiting.push(
      `${JSON.stringify({ ...line, ...(error ? { error: shown } : {}), msg: message })}\n`,
    );
    next();
  };

  function next(): void {
    if (isWriting || waiting.length === 0) return;
    isWriting = true;
    write(file, waiting.splice(0).join(""), () => {
      isWriting = false;
      next();
    });
  }
}

const describe = (error: Error) => ({
  type: error.name,
  message: error.message,
  ...("code" in error ? { code: error.code } : {}),
  stack: error.stack,
});
