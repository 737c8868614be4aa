/**
 * What places for volumes refuse, and why. All implementations refuse in the same words.
 *
 * None of them names a path of the host, except those that only an operator can cause.
 */
import { type Problem, problem } from "@holdfast/kernel/problem";

export const volumeNotFound = (): Problem =>
  problem("not_found", "volume_not_found", "This volume is not in its pool.", {
    fix: "Restore it from a snapshot or a backup, or see whether its pool is mounted where it should be.",
  });

export const volumeInUse = (cause?: unknown): Problem =>
  problem(
    "conflict",
    "volume_in_use",
    "Somebody has this volume open.",
    { fix: "Have it done by the instance that uses it, or detach the volume first." },
    cause,
  );

export const volumeClaimed = (generation: number): Problem =>
  problem(
    "conflict",
    "volume_claimed",
    `Generation ${generation} of this instance has its volume.`,
    { fix: "Nothing: this launch was overtaken by a younger one." },
  );

export const generationRevoked = (generation: number): Problem =>
  problem(
    "conflict",
    "generation_revoked",
    `Generation ${generation} of this instance was cut off from the volume.`,
    { fix: "Nothing: a younger one may have it." },
  );

export const keyMissing = (): Problem =>
  problem(
    "conflict",
    "volume_key_missing",
    "This volume is encrypted, and its host was not told its key.",
    {
      fix: "See whether the managers have the platform key of this installation: docs/encryption.md",
    },
  );

export const keyWrong = (cause?: unknown): Problem =>
  problem(
    "conflict",
    "volume_key_wrong",
    "The key of this volume does not open its file, or the file is not encrypted at all.",
    {
      fix: "Somebody has put another file into its place: restore it from a snapshot or a backup.",
    },
    cause,
  );

export const cannotEncrypt = (): Problem =>
  problem("conflict", "pool_cannot_encrypt", "This pool cannot keep encrypted volumes.", {
    fix: "Make it in `local` or in a shared directory: docs/encryption.md",
  });

export const cannotRevoke = (): Problem =>
  problem("conflict", "cannot_revoke", "This pool cannot cut a guest off from its volume.", {
    fix: "Prove the death of its host another way: power, watchdog, or your own eyes.",
  });

export const snapshotNotFound = (name: string): Problem =>
  problem("not_found", "snapshot_not_found", `The volume has no snapshot ${name}.`, {
    fix: "Look at the volume's snapshots.",
  });

export const backupNotFound = (id: string): Problem =>
  problem("not_found", "backup_not_found", `There is no backup ${id} of this volume.`, {
    fix: "Look at the volume's backups.",
  });

export const backupDamaged = (why: string, cause?: unknown): Problem =>
  problem(
    "unavailable",
    "backup_damaged",
    `The backup cannot be read: ${why}.`,
    { fix: "Use an older one, and make a full backup now." },
    cause,
  );

export const badName = (name: string): Problem =>
  problem("invalid", "bad_storage_name", `${JSON.stringify(name)} is no name for this.`, {
    fix: "Use up to 64 lower-case letters, digits and hyphens.",
  });

export const placeMissing = (cause?: unknown): Problem =>
  problem(
    "unavailable",
    "backup_place_missing",
    "The place for backups is not there: it was never set up, or is not mounted now.",
    { fix: "Mount it, or set it up: holdfast backups prepare DIRECTORY" },
    cause,
  );

export const poolUnreachable = (cause?: unknown): Problem =>
  problem(
    "unavailable",
    "pool_unreachable",
    "This host cannot reach the pool.",
    { fix: "See which hosts can: holdfast hosts" },
    cause,
  );

export const daemonFailed = (said: string, cause?: unknown): Problem =>
  problem(
    "unavailable",
    "storage_daemon_failed",
    "The storage daemon of this volume does not do what it should.",
    { fix: "It is started anew by itself. If it stays so, see its log.", facts: { said } },
    cause,
  );

export const storageProgramMissing = (program: string, cause?: unknown): Problem =>
  problem(
    "unavailable",
    "storage_program_missing",
    `The program ${program} is not installed on this host.`,
    { fix: "Type `apt-get install qemu-utils qemu-system-common socat` on the host." },
    cause,
  );

export const noFreePort = (count: number): Problem =>
  problem(
    "exhausted",
    "storage_ports_exhausted",
    `All ${count} ports for volumes are taken: one for each that is open.`,
    { fix: "Widen the range of ports for volumes on the storage host." },
  );

export const sourceInvalid = (why: string): Problem =>
  problem("invalid", "block_source_invalid", `This is no place for a disk: ${why}.`, {
    fix: "Write rbd://POOL/IMAGE, nfs://SERVER/PATH, or iscsi://PORTAL/TARGET/LUN.",
  });
