/**
 * What a hypervisor refuses, and why. The real and the simulated one refuse in the same words, since
 * whoever asks branches on the code and prints the rest.
 */
import { type Problem, problem } from "@holdfast/kernel/problem";
import type { MachineRef } from "./driver.ts";

export const alreadyEnded = ({ generation }: MachineRef): Problem =>
  problem("conflict", "already_ended", `Generation ${generation} has run and ended on this host.`, {
    fix: "Start the next generation.",
  });

export const beingClosed = (): Error =>
  new Error("This driver is being closed, and launches nothing any more.");

export const overtaken = ({ generation }: MachineRef, youngest: number): Problem =>
  problem(
    "conflict",
    "overtaken",
    `Generation ${generation} is older than generation ${youngest}, which this host has seen.`,
    { fix: "Look again at what should run here." },
  );

export const stillRunning = ({ generation }: MachineRef): Problem =>
  problem("conflict", "still_running", `Generation ${generation} still runs on this host.`, {
    fix: "Stop it first.",
  });

export const notRunning = ({ generation }: MachineRef, cause?: unknown): Problem =>
  problem(
    "conflict",
    "not_running",
    `Generation ${generation} of this instance does not run on this host.`,
    { fix: "Look at its state, then start it." },
    cause,
  );

export const silent = (command: string, cause?: unknown): Problem =>
  problem(
    "unavailable",
    "hypervisor_silent",
    `The hypervisor process runs but did not carry out ${command}.`,
    { fix: "If it stays silent, stop the instance by force." },
    cause,
  );

export const notStopped = (): Problem =>
  problem(
    "unavailable",
    "not_stopped",
    "The hypervisor process is still there after the last step of the stop.",
    { fix: "Try again. If it stays, its host waits for a disk or needs a reboot." },
  );

/** `said` are its last words, oldest first. */
export const launchFailed = (status: unknown, said: readonly string[]): Problem =>
  problem(
    "unavailable",
    "launch_failed",
    `The hypervisor process did not start: ${said.at(-1) ?? "it left no word"}.`,
    { fix: "Look at its last words and at the host's log.", facts: { status, said } },
  );

export const usersExhausted = (count: number): Problem =>
  problem("exhausted", "guest_users_exhausted", `All ${count} users for guests are taken.`, {
    fix: "Widen the range of user ids for guests in the agent's settings.",
  });

export const badMetadata = (name: string): Problem =>
  problem("invalid", "bad_metadata_name", `Metadata cannot be called ${JSON.stringify(name)}.`, {
    fix: "Use up to 39 lower-case letters, digits, dots, underscores and hyphens.",
  });

export const needsRoot = (): Problem =>
  problem(
    "unavailable",
    "needs_root",
    "Only root can give each guest a user and a cgroup of its own.",
    { fix: "Run the agent as root." },
  );

export const qemuMissing = (cause?: unknown): Problem =>
  problem(
    "unavailable",
    "qemu_missing",
    "This host has no QEMU, or lacks a program that starts it.",
    { fix: "Install the packages qemu-system-x86 and util-linux on this host." },
    cause,
  );

export const hostDiskFull = (cause?: unknown): Problem =>
  problem(
    "exhausted",
    "host_disk_full",
    "The disk of the host is full.",
    { fix: "Free some space on the host, then try again." },
    cause,
  );

/** `said` are QEMU's words, oldest first. */
export const diskInUse = (said: readonly string[]): Problem =>
  problem("conflict", "disk_in_use", "Another process on this host uses a disk of this instance.", {
    fix: "Find out who with `fuser -v FILE`; an older copy of this instance may still run.",
    facts: { said },
  });

export const diskUnusable = (said: readonly string[]): Problem =>
  problem("unavailable", "disk_unusable", "A disk of this instance cannot be used as it is.", {
    fix: "Check it with `qemu-img check FILE`, or make the instance anew.",
    facts: { said },
  });

/** In QEMU's words. */
export const keyIsWrong =
  /cannot unlock any keyslot|No encryption in image header|encrypt\.key-secret' is required/;

export const diskLocked = (said: readonly string[]): Problem =>
  problem(
    "conflict",
    "volume_key_wrong",
    "The key of a disk does not open it, or the disk is not encrypted at all.",
    {
      fix: "Somebody has put another file into its place: restore it from a snapshot or a backup.",
      facts: { said },
    },
  );

export const diskNotAttached = (disk: string): Problem =>
  problem("not_found", "disk_not_attached", `No disk ${disk} is attached to this instance.`, {
    fix: "Look at the instance's volumes.",
  });

export const diskBusy = (cause?: unknown): Problem =>
  problem(
    "conflict",
    "disk_busy",
    "A backup reads this disk.",
    { fix: "Wait until it is done, or stop it." },
    cause,
  );

export const diskCannotGrow = (said: string, cause?: unknown): Problem =>
  problem(
    "conflict",
    "disk_cannot_grow",
    "This disk cannot be made bigger now.",
    {
      fix: "Wait for a backup that reads it, or make it bigger while it is detached.",
      facts: { said },
    },
    cause,
  );

export const detachRefused = (disk: string): Problem =>
  problem(
    "conflict",
    "detach_refused",
    `The guest was asked to let go of disk ${disk} and has not done it in time.`,
    {
      fix: "Unmount it in the guest and try again, or stop the instance; it may still let go of it later.",
    },
  );

export const noFreeSlot = (slots: number): Problem =>
  problem("exhausted", "no_free_slot", `All ${slots} slots for disks that come later are taken.`, {
    fix: "Detach a disk first, or stop the instance: its next start has room for all of them.",
  });

export const snapshotNotPossible = (cause: unknown): Problem =>
  problem(
    "conflict",
    "snapshot_not_possible",
    "A disk of this instance cannot take a snapshot of itself.",
    { fix: "Only qcow2 disks that are not read-only can; others have it done by their storage." },
    cause,
  );

export const backupPointMissing = (): Problem =>
  problem(
    "conflict",
    "backup_point_missing",
    "What has changed since that backup is not known any more.",
    { fix: "Make a full backup. A host that lost power or a killed guest is the usual cause." },
  );

export const backupTargetFull = (cause?: unknown): Problem =>
  problem(
    "exhausted",
    "backup_target_full",
    "The place for backups is full. The backup was not made.",
    { fix: "Delete old backups, or give it more space." },
    cause,
  );

export const backupFailed = (said: string, cause?: unknown): Problem =>
  problem(
    "unavailable",
    "backup_failed",
    "The backup broke off: reading the volume or writing to the place for backups failed.",
    {
      fix: "See whether the place for backups is still there and can be written to, then try again.",
      facts: { said },
    },
    cause,
  );

export const notMovable = (why: string): Problem =>
  problem("conflict", "not_movable", `This instance cannot be moved while it runs: ${why}.`, {
    fix: "Change that and try again, or stop it: its next start may be on another host.",
  });

export const cannotSteer = (rung: string, status: string): Problem =>
  problem(
    "conflict",
    "cannot_steer",
    `This migration cannot do that any more, or never could (${rung} while ${status}).`,
    { fix: "Look how far it is." },
  );

export const cannotLand = (said: string): Problem =>
  problem("unavailable", "cannot_land", `The hypervisor does not let it run here: ${said}`, {
    fix: "It runs on where it was. Look whether its disks can be opened on this host.",
  });

export const notArrived = (): Problem =>
  problem(
    "conflict",
    "not_arrived",
    "Not all of this instance's memory has arrived, so it cannot run here.",
    { fix: "Wait until it has, or end it: it runs on where it came from." },
  );

export const templateNotMade = (why: string, said: readonly string[], cause?: unknown): Problem =>
  problem(
    "unavailable",
    "template_not_made",
    `No template was made: ${why}.`,
    {
      fix: "Its guests are booted meanwhile. Look at the agent's log on the host.",
      facts: { said },
    },
    cause,
  );
