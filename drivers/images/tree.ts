/**
 * The files that an image builder puts into a guest, as they lie in a directory of this repository.
 *
 * Text only, which is all that belongs there, and what is a program is told by its first line: git keeps one
 * permission bit and archives often none.
 */
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Sorted by path. */
export type Tree = readonly (readonly [path: string, text: string])[];

export async function readTree(root: string): Promise<Tree> {
  const found = await readdir(root, { recursive: true, withFileTypes: true });
  const files = found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.path, entry.name));
  const paths = files.map((file) => file.slice(root.length + 1)).sort();
  return Promise.all(
    paths.map(async (path) => [path, await readFile(join(root, path), "utf8")] as const),
  );
}

export const isProgram = (text: string): boolean => text.startsWith("#!");

/** Below `root`, readable by everybody, whatever the umask is. */
export async function writeTree(root: string, tree: Tree): Promise<void> {
  for (const [path, text] of tree) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o755 });
    await writeFile(file, text);
    await chmod(file, isProgram(text) ? 0o755 : 0o644);
  }
}
