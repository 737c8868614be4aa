/**
 * The way from one host to another that a machine takes, as both agents see it.
 *
 * A hypervisor has no network, so agents carry what it sends. Besides, they tell each other what decides: what
 * the machine is like, that it may run over there now, and that it never will. Only the last two count when
 * somebody has died in the middle; see migrator.ts.
 */
import type { Landing, MachineForm, MachineRef } from "@holdfast/drivers/hypervisor";
import type { HostId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";

export interface Passage {
  /**
   * Where other hosts reach this one, as address and port: on its own address inside of `network` (as a CIDR),
   * or the usual one. Rejects with `no_migration_address`.
   */
  address(network: string | undefined): Promise<string>;
  /** Let in one migration of one machine from one host, until it is dismissed. Known already: nothing happens. */
  admit(expected: Expected, reception: Reception): void;
  /** Absent is fine. Whatever is open for it is cut. */
  dismiss(machine: MachineRef): void;
  /** Whether anything of it is on its way here. */
  isOpen(machine: MachineRef): boolean;
  /**
   * Finds the host on which a machine is to arrive, and has it made ready. `onBroken` when they cannot hear each
   * other any more. Rejects with `destination_unreachable`, or with why it was refused there.
   */
  reach(to: Destination, form: MachineForm, onBroken: () => void): Promise<Crossing>;
  close(): Promise<void>;
}

export interface Expected {
  readonly migration: string;
  readonly from: HostId;
  /** The generation that is to be here. */
  readonly machine: MachineRef;
}

export interface Destination {
  readonly migration: string;
  readonly machine: MachineRef;
  readonly address: string;
  /** Which host it must be; any host of this cloud if not given. */
  readonly host: HostId | undefined;
}

/** What the destination does about it. */
export interface Reception {
  /** Launches what waits, or finds it waiting. */
  open(form: MachineForm): Promise<Landed>;
  /** The other one never runs again: run here. If that cannot be, it is ended first, and this rejects then. */
  go(): Promise<void>;
  /** Nobody is there any more who could send it. */
  lost(): void;
}

export interface Landed {
  readonly landing: Landing;
  /** Disks that have to be copied. */
  readonly mirrored: readonly string[];
}

/** What the source has of it: sockets of its own host that lead to the other one. */
export interface Crossing {
  readonly memory: string;
  readonly disks: string;
  readonly mirrored: readonly string[];
  readonly postcopy: Landing["postcopy"];
  /**
   * It runs there once this resolves. Rejects with `arrival_ended` if it never will; with anything else nobody
   * can know yet.
   */
  go(): Promise<void>;
  /** Cuts whatever is still open. */
  close(): void;
}

export const destinationUnreachable = (address: string, cause?: unknown) =>
  problem(
    "unavailable",
    "destination_unreachable",
    `The destination could not be reached at ${address}.`,
    { fix: "See whether both hosts reach each other on the migration network, then try again." },
    cause,
  );

export const arrivalEnded = (why: string) =>
  problem("conflict", "arrival_ended", `The destination could not let it run: ${why}`, {
    fix: "It runs on where it was. Try again, perhaps to another host.",
  });

export const noMigrationAddress = (network: string | undefined) =>
  problem(
    "unavailable",
    "no_migration_address",
    network
      ? `This host has no address in ${network}.`
      : "This host has no address that others could send a machine to.",
    { fix: "Choose a network that both hosts are in, or give the host an address in it." },
  );

/** Of a host that is alone. */
export const noPassage: Passage = {
  address: async (network) => Promise.reject(noMigrationAddress(network)),
  admit() {},
  dismiss() {},
  isOpen: () => false,
  reach: async ({ address }) => Promise.reject(destinationUnreachable(address)),
  async close() {},
};
