/** One machine of a simulated host: what is known of it, its disks and its moves. */
import type { Instant } from "@holdfast/kernel/time";
import type {
  Begun,
  ConsoleLine,
  Departure,
  Disk,
  DiskLimits,
  Exit,
  GuestPhase,
  LifeEvent,
  MachineSpec,
  MigrationStatus,
} from "./driver.ts";

export interface SimulatedMachine {
  readonly spec: MachineSpec;
  readonly at: Instant;
  /** How it came to run; undefined: from another host, or never. */
  readonly begun: Begun | undefined;
  /** A made-up process id: the same before and after an adoption. */
  readonly pid: number;
  /** When the guest is up; undefined if it never will be. */
  readyAt: Instant | undefined;
  saidReady: boolean;
  phase: "running" | Exclude<GuestPhase, "booting" | "up">;
  hangsAtLaunch: boolean;
  isFrozen: boolean;
  /** The guest does nothing more, until it is booted again. Its processors run and its disks are well. */
  isHung: boolean;
  bootedAt: Instant;
  bootedBy: string;
  /** Requests to its disk that the host's storage has taken and does not answer. */
  stuckRequests: number;
  /** Operations of its disk that have ended, and those of them that failed. */
  disk: { completed: number; failed: number };
  /** What is plugged in, by name. */
  readonly disks: Map<string, SimulatedDisk>;
  /** It waits for its memory; undefined: it runs, or did. */
  arrival: Arrival | undefined;
  /** How it was last sent elsewhere. */
  sending: Sending | undefined;
  /** Its processors stand still because it is being handed over. */
  isStill: boolean;
  /** It may run elsewhere from now on. */
  hasLeft: boolean;
  /** Whoever is at the other end hears of it. */
  onEnd: () => void;
  /** Somebody paused it for a while: when that is over. */
  heldUntil: Instant | undefined;
  /** Its file systems are held still until then. */
  frozenUntil: Instant | undefined;
  wasAskedToEnd: boolean;
  /** Its watchdog has stopped it, and whoever looks after it next has to end it. */
  isStoppedByWatchdog: boolean;
  /** What happened to it, as the real one keeps it in a file. */
  events: readonly LifeEvent[];
  exit: Exit | undefined;
  /** Counts its boots: a ready that was planned in an earlier one is void. */
  boots: number;
  log: ConsoleLine[];
  /** Whoever sits at its console. */
  readonly readers: Set<(text: string) => void>;
}

export interface SimulatedDisk {
  readonly disk: Disk;
  isHot: boolean;
  bytes: number;
  limits: DiskLimits;
  snapshots: readonly string[];
  points: readonly string[];
}

/** On the machine that waits. */
export interface Arrival {
  readonly wire: string;
  hasArrived: boolean;
}

/** On the machine that is sent. */
export interface Sending {
  readonly departure: Departure;
  status: MigrationStatus;
  says: string | undefined;
  /** When its memory was begun, and when the guest came to stand still; undefined: not yet. */
  begunAt: Instant | undefined;
  stillAt: Instant | undefined;
  endedAt: Instant | undefined;
  /** At the moment `at`, in bytes, of memory and disks. */
  at: Instant;
  memoryLeft: number;
  disksLeft: number;
  isThrottled: boolean;
  /** Counts what was decided about it: a plan of an earlier count is void. */
  turn: number;
}
