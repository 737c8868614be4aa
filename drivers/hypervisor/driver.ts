/**
 * What Holdfast asks of a hypervisor.
 *
 * A machine is one incarnation of an instance: (instance, generation). It is started at most once,
 * ever: whoever asks again gets the machine that is there or the record of how it ended. Machines
 * outlive the process that started them; `adopt` finds them again.
 *
 * Nothing here decides. Every implementation passes the same suite, contract.ts, so the simulated
 * one can be trusted and the real one can be replaced.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Duration, Instant } from "@holdfast/kernel/time";

/** Names one incarnation. */
export interface MachineRef {
  readonly id: InstanceId;
  /** Counts the launches of this instance, anywhere. A higher one is always younger. */
  readonly generation: number;
}

export interface MachineSpec extends MachineRef {
  /** For people: shown in process lists and in the guest. */
  readonly name: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  /** Files on this host. `firmware` boots from the first disk. */
  readonly boot:
    | { readonly kernel: string; readonly initrd: string; readonly commandLine: string }
    | "firmware";
  /** In order; the first is the root volume. */
  readonly disks: readonly Disk[];
  /** What the guest may read about itself: name to text, under `opt/holdfast/` in fw_cfg. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Create it with its processors stopped; `resume` lets it go. */
  readonly paused: boolean;
  /** Ends up in the hypervisor's own log and command line, so that one id joins all logs. */
  readonly requestId: string;
  /** Another host could start it as well, so it must be dead before one does. Default false. */
  readonly isFenceable?: boolean;
}

export interface Disk {
  readonly file: string;
  readonly format: "qcow2" | "raw";
  readonly readOnly: boolean;
}

/** How far a guest got, as far as can be told from outside. */
export type GuestPhase = "booting" | "up" | "paused" | "panicked" | "io-error";

/** A machine as it is now. */
export type MachineView = MachineRef &
  (
    | { readonly is: "running"; readonly guest: GuestPhase; readonly since: Instant }
    | { readonly is: "exited"; readonly exit: Exit }
  );

/** How a machine ended, and everything that was left behind to tell. Never guessed: absent is absent. */
export interface Exit {
  readonly at: Instant;
  /** `unrecorded`: the machine is gone and so is whoever should have written down why. */
  readonly status:
    | { readonly code: number }
    | { readonly signal: string }
    | "unrecorded"
    | "never-launched";
  /** The hypervisor's own word, for example QMP SHUTDOWN `guest-shutdown`, `guest-panic`, `host-qmp-quit`. */
  readonly reason?: string;
  /** True when this driver was asked to end it. */
  readonly requested: boolean;
  /** Last lines, oldest first. */
  readonly hypervisorLog: readonly string[];
  readonly consoleTail: readonly string[];
  /** The kernel killed it because its cgroup ran out of memory. */
  readonly oomKills: number;
  /** What happened to it while it lived, oldest first, the last `mostEvents`. */
  readonly events: readonly LifeEvent[];
  /** What the host's kernel said of its processes, oldest first; each begins with its time in ISO 8601. */
  readonly kernelLog: readonly string[];
  /** Who ended it with a signal that it could still report (`SIGTERM`, `SIGINT`, `SIGHUP`). */
  readonly signalledBy?: { readonly signal: string; readonly pid: number; readonly name: string };
  /** The note that this host's guard left before it killed it. */
  readonly fenced?: { readonly at: Instant; readonly why: string };
  /** Its guest stopped feeding its watchdog at least once in this incarnation. */
  readonly watchdogFired: boolean;
}

/** `event` is QMP's name (`SHUTDOWN`, `GUEST_PANICKED`, `WATCHDOG`, ...), `detail` its data as JSON, or "". */
export interface LifeEvent {
  readonly at: Instant;
  readonly event: string;
  readonly detail: string;
}

/** A guest that resets in a loop must not make its record grow. */
export const mostEvents = 64;

/** Of an ending of which nothing but the time and the status is known. */
export const noEvidence = {
  hypervisorLog: [],
  consoleTail: [],
  oomKills: 0,
  events: [],
  kernelLog: [],
  watchdogFired: false,
} as const;

/** What one look at a running machine found. Facts of this moment: whoever looks twice can tell what stands still. */
export interface Examination {
  readonly guest: GuestPhase;
  /** When its present boot began, or when this agent first saw it if that was later. */
  readonly bootedAt: Instant;
  /** What began it: `launch`, QMP's word for a reset, or `watchdog`. */
  readonly bootedBy: string;
  /** How long the hypervisor took to answer; undefined if it did not by the deadline. */
  readonly answeredIn?: Duration;
  /** QMP's run state (`running`, `paused`, `io-error`, `internal-error`, ...); undefined without an answer. */
  readonly runState?: string;
  readonly disks: readonly DiskExamination[];
  /** `none`: no program in the guest has opened the channel of the guest agent. */
  readonly agent: "answers" | "silent" | "none";
}

export interface DiskExamination {
  readonly node: string;
  /** Operations that are over since the machine was launched, also those that failed. */
  readonly completed: number;
  readonly failed: number;
  /** Taken from the guest and not yet over; undefined where the hypervisor cannot tell. */
  readonly inFlight?: number;
}

export type MachineEvent = MachineRef &
  (
    | { readonly what: "running" | "paused" | "resumed" }
    /** Begun anew in the same process. `by` is QMP's word (`guest-reset`, ...) or `watchdog`. */
    | { readonly what: "reset"; readonly by: string }
    /** The guest said `holdfast: ready` on its serial console. */
    | { readonly what: "ready" }
    | { readonly what: "panicked" }
    | { readonly what: "io-error"; readonly detail: string }
    | { readonly what: "exited"; readonly exit: Exit }
  );

/** How patient to be with each step of a stop. Zero skips the step. */
export interface StopLadder {
  /** From the ACPI power button to the guest's own power-off. */
  readonly acpi: Duration;
  /** From asking the hypervisor process to quit, to its exit. */
  readonly terminate: Duration;
  /** From SIGKILL to the process being gone. */
  readonly kill: Duration;
}

/** The serial console of one running machine. Several may be open at once; all see the same output. */
export interface Console {
  write(bytes: Uint8Array): void;
  onData(listener: (bytes: Uint8Array) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}

export interface ConsoleLine {
  readonly at: Instant;
  readonly text: string;
}

/** What runs the guests of this host, found out once and remembered. */
export interface Acceleration {
  readonly kind: "kvm" | "tcg" | "simulated";
  /** Why this one and not the faster one, in a sentence for people. */
  readonly reason: string;
}

export interface Hypervisor {
  readonly acceleration: Acceleration;
  /**
   * Make it run; resolves once its processors run (or it is created paused). Already running:
   * nothing happens. Rejects with `launch_failed` when it never ran (or with a code that says why:
   * `qemu_missing`, `boot_file_missing`, `disk_in_use`, `disk_unusable`, `file_unreachable`,
   * `host_disk_full`, `guest_users_exhausted`); no `exited` event follows, but the generation is spent.
   * Rejects with `already_ended` when this generation has run and ended, `overtaken` when a younger
   * generation has been seen, `still_running` while an older one runs here.
   */
  start(spec: MachineSpec): Promise<void>;
  /**
   * Make sure that it neither runs nor ever will: climb the ladder until the process is reaped. A
   * generation that never launched is marked so that it cannot. Resolves with how it ended; rejects
   * with `not_stopped` if even the last step did not do it in its time.
   */
  stop(ref: MachineRef, ladder: StopLadder): Promise<Exit>;
  /**
   * Reboot within the same process: ask the guest to shut down and switch it on again. When `grace` is
   * over, or at once if it is zero, press the reset button. This and the next two reject with
   * `not_running` or `hypervisor_silent`.
   */
  reset(ref: MachineRef, grace: Duration): Promise<void>;
  pause(ref: MachineRef): Promise<void>;
  resume(ref: MachineRef): Promise<void>;
  /** Find every machine that this host knows of, running or ended, and attach to the running ones. */
  adopt(): Promise<readonly MachineView[]>;
  /** What is known without asking anybody: of all machines, or of one instance's. */
  list(id?: InstanceId): readonly MachineView[];
  /** Called for everything that happens from now on. One listener; it must not throw. */
  onEvent(listener: (event: MachineEvent) => void): void;
  /**
   * Looks at a running machine from outside, for about `within` at most. A hypervisor that does not
   * answer is a finding and no error. Rejects with `not_running`.
   */
  examine(ref: MachineRef, within: Duration): Promise<Examination>;
  /** Rejects with `not_running`. */
  console(ref: MachineRef): Promise<Console>;
  /** The last lines the guest wrote, oldest first; also of machines that have ended. */
  consoleLog(ref: MachineRef, lines: number): Promise<readonly ConsoleLine[]>;
  /**
   * Delete what is left of an ended machine; absent is fine. Its generation can still never be
   * started again. Rejects with `still_running`.
   */
  forget(ref: MachineRef): Promise<void>;
  /** Let go of everything without touching the machines, as before a restart of the agent. */
  close(): Promise<void>;
}
