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
    { fix: "Free some space on the host, then start again." },
    cause,
  );
