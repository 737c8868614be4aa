/**
 * Where the bytes of a disk are, said so that QEMU can open them: the word between whoever keeps volumes
 * and whoever runs machines, which otherwise know nothing of each other.
 *
 * A source names no nodes: whoever opens it does, so that one source can be opened in several places. It
 * holds no secrets either, because everybody on a host can read a command line.
 */

/** As QEMU's `blockdev-add` takes it: the format outermost, what is below it in `file`. */
export interface Blockdev {
  readonly driver: string;
  readonly [option: string]: unknown;
}

export interface BlockSource {
  readonly blockdev: Blockdev;
  /** Files of this host that are the guest's for as long as it has them open. */
  readonly files: readonly string[];
  /** Directories of this host that the guest's group may pass through meanwhile, to a socket inside. */
  readonly doors: readonly string[];
  /** Another host could open it as well, so whoever has it must be dead, or cut off, before one does. */
  readonly isShared: boolean;
}

/** A disk image in a file of this host. */
export const fileSource = (
  file: string,
  format: "qcow2" | "raw",
  isShared = false,
): BlockSource => ({
  blockdev: { driver: format, file: { driver: "file", filename: file } },
  files: [file],
  doors: [],
  isShared,
});
