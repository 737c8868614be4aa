/**
 * An NBD export as a disk: raw, because what is behind the export is the disk itself, whatever it is kept in.
 *
 * QEMU waits for a server that has gone and comes back, and so does the guest. Only when it has waited for too
 * long, or when its export is not there any more, does the guest's disk fail: then the guest is frozen.
 */
import type { BlockSource } from "@holdfast/kernel/block";

/** How long a guest waits for its storage to come back before it is frozen. */
const reconnectSeconds = 30;

/** Behind a socket of this host, whose directory is the guest's door to it. */
export const nbdSource = (socket: string, door: string, name: string): BlockSource => ({
  blockdev: {
    driver: "raw",
    file: {
      driver: "nbd",
      server: { type: "unix", path: socket },
      export: name,
      "reconnect-delay": reconnectSeconds,
    },
  },
  files: [],
  doors: [door],
  isShared: true,
});
