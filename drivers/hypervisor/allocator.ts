/**
 * Where QEMU takes memory from while it waits on standby.
 *
 * Each device that is plugged in changes where memory is a dozen times, and QEMU makes its tables of that anew each time:
 * 2.5 MB for a disk. It frees them a little later and has glibc give them back to the kernel, so each is made of pages that
 * the kernel must clear first, 690 of them for one disk and most of what it takes. tcmalloc keeps what it has (78).
 */
import { access } from "node:fs/promises";

const machines: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: "x86_64",
  arm64: "aarch64",
};

/** The environment in which a program takes its memory there; none where there is no such library. */
export async function keepingMemory(): Promise<Readonly<Record<string, string>>> {
  const library = `/usr/lib/${machines[process.arch]}-linux-gnu/libtcmalloc_minimal.so.4`;
  return access(library).then(
    () => ({ LD_PRELOAD: library }),
    () => ({}),
  );
}
