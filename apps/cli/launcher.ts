/** What touches this machine and not the API is another program, which the launcher starts. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** Resolves with its exit code. What it prints, it prints itself. */
export function byLauncher(words: readonly string[]): number {
  const launcher = join(import.meta.dirname, "..", "holdfast"); // This file is bundled into dist/.
  return spawnSync(launcher, words, { stdio: "inherit" }).status ?? 1;
}
