/**
 * Where QEMU takes memory from while it waits on standby.
 *
 * Each device that is plugged in changes where memory is a dozen times, and QEMU makes its tables of that anew each time:
 * 2.5 MB for a disk. It frees them a little later and has glibc give them back to the kernel, so each is made of pages that
 * the kernel must clear first, 690 of them for one disk and most of what it takes. tcmalloc keeps what it has (78).
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

const libraries = "/usr/lib";
const library = "libtcmalloc_minimal.so.4";

/** The environment in which a program takes its memory there; none where there is no such library. */
export async function keepingMemory(): Promise<Readonly<Record<string, string>>> {
  for (const name of await readdir(libraries).catch(() => [])) {
    if (!name.endsWith("-linux-gnu")) continue;
    const files: readonly string[] = await readdir(join(libraries, name)).catch(() => []);
    if (files.includes(library)) return { LD_PRELOAD: join(libraries, name, library) };
  }
  return {};
}
