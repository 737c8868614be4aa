/**
 * Keeps consoles small on a host whose agent is away. While an agent looks after a machine it does this
 * itself, ten times a second (see console-log.ts), and this finds nothing to do.
 *
 * QEMU keeps the file open and appends, so it is cut by copying its end and emptying it. Call it every
 * few seconds from a process that outlives agents: a guest that floods writes some megabytes a second.
 */
import { cutConsole } from "./console-log.ts";
import { findIncarnations, pathsOf } from "./incarnation.ts";

/** How much more than is kept a console may hold: an agent that is there never lets it come so far. */
const allowance = 4;

/** Cuts every console under `runDir` that is longer than four times `keep` bytes down to its last `keep`. */
export async function boundConsoles(runDir: string, keep: number): Promise<void> {
  const { refs } = await findIncarnations(runDir);
  for (const ref of refs) await cutConsole(pathsOf(runDir, ref), keep, allowance * keep);
}
