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
