/**
 * What Holdfast asks of a hypervisor.
 *
 * A machine is one incarnation of an instance: (instance, generation). It is started at most once,
 * ever: whoever asks again gets the machine that is there or the record of how it ended. Machines
 * outlive the process that started them; `adopt` finds them again.
 *
 * A machine may move to another host while it runs: then two hypervisors have an incarnation of it each. The one
 * that waits runs only when it is told to (`land`), the one that was sent goes on by itself only where not all of
 * it was sent; so there are never two, whoever dies in between. Nothing here has a network: it speaks through
 * sockets in files of its own host, and somebody else carries what goes into one to the other.
 *
 * Nothing here decides. Every implementation passes the same suite, contract.ts, so the simulated
 * one can be trusted and the real one can be replaced.
 */
import type { BlockSource } from "@holdfast/kernel/block";
import type { InstanceId, NicId } from "@holdfast/kernel/ids";
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
  /** In order; the guest sees them so. None if not given. */
  readonly nics?: readonly Nic[];
  /** What the guest may read about itself: name to text, under `opt/holdfast/` in fw_cfg. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Files of a small disk labelled `cidata` that the guest can only read, name to text: what cloud-init's
   * NoCloud source looks for. No such disk if not given.
   */
  readonly seed?: Readonly<Record<string, string>>;
  /** Create it with its processors stopped; `resume` lets it go. */
  readonly paused: boolean;
  /** Ends up in the hypervisor's own log and command line, so that one id joins all logs. */
  readonly requestId: string;
  /** Another host could start it as well, so it must be dead before one does. Default false. */
  readonly isFenceable?: boolean;
  /** Directory of a template that fits it: begin with that guest's memory instead of booting. Boots if that fails. */
  readonly template?: string;
}

/**
 * A guest that is booted until it says `holdfast: template` on its console, and saved: before it has seen a disk, a
 * card or a name. See docs/warm-start.md for what a guest must do.
 */
export interface TemplateSpec extends Pick<MachineSpec, "cpus" | "memoryMiB"> {
  readonly boot: Exclude<MachineSpec["boot"], "firmware">;
}

/** How a machine came to run. */
export interface Begun {
  readonly how: "warm" | "cold";
  /** From the call of `start` until its processors ran; unknown of one that an earlier agent has booted. */
  readonly took?: Duration;
  /** Why its template was of no use, for people. */
  readonly why?: string;
  /** It began in a process that had read its memory before anybody asked for it. */
  readonly wasOnStandby?: true;
}

/** Undefined: as the specification of the machine has them. */
export type Cards = readonly Nic[] | undefined;

/** A network card. Its cable is made by drivers/network, and must be there before the machine is started. */
export interface Nic {
  readonly id: NicId;
  readonly mac: string;
  /** What the guest is told by the card itself, in bytes. */
  readonly mtu: number;
}

export interface Disk {
  /** Up to 24 of a-z, 0-9 and hyphen, the first a letter. Whoever names it again means the same disk. */
  readonly id: string;
  readonly source: BlockSource;
  readonly readOnly: boolean;
  /** None if not given. */
  readonly limits?: DiskLimits;
  /**
   * That it is opened with: it is encrypted then, and one that is not is refused. Told to the hypervisor where nobody else
   * on the host can read it, and written down nowhere.
   */
  readonly key?: string;
}

/** How much a guest may ask of a disk, reads and writes together; absent or zero is as much as there is. */
export interface DiskLimits {
  /** Operations each second. */
  readonly iops?: number;
  readonly bytesPerSecond?: number;
}

/** A disk in front of a running guest, as the hypervisor itself tells it. */
export interface AttachedDisk {
  readonly id: string;
  /** How big it is to the guest. */
  readonly bytes: number;
  readonly readOnly: boolean;
  readonly limits: DiskLimits;
  /** The snapshots inside of it, the oldest first. */
  readonly snapshots: readonly string[];
  /** Since when it can tell what has changed: names of backups that an incremental one can build on. */
  readonly points: readonly string[];
}

/** A backup of a disk that a guest uses: as it is at this moment, while the guest goes on. */
export interface BackupOrder {
  /** An existing qcow2 file as big as the disk; for an increment, with the backup before it as its backing file. */
  readonly file: string;
  /** From now on changes are counted under this name, so that a later backup can build on this one. */
  readonly point: string;
  /** Copy only what has changed since this point; everything if not given. */
  readonly since?: string;
  /** How fast it may go; as fast as it can if not given. */
  readonly bytesPerSecond?: number;
  /** That the file is opened with, if it is encrypted. It builds on no other then. */
  readonly key?: string;
}

/** How far a guest got, as far as can be told from outside. */
export type GuestPhase = "booting" | "up" | "paused" | "panicked" | "io-error";

/** A machine as it is now. */
export type MachineView = MachineRef &
  (
    | {
        readonly is: "running";
        readonly guest: GuestPhase;
        readonly since: Instant;
        /** Absent of one that came from another host. */
        readonly begun?: Begun;
        /** All of it has been sent to another host, and it stands still until one of the two is told to go on. */
        readonly hasLeft?: true;
      }
    /** It waits for the memory of a machine that runs elsewhere, and does not run. */
    | {
        readonly is: "incoming";
        readonly since: Instant;
        /** All of it is here, and it waits for `land`. */
        readonly hasArrived: boolean;
      }
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
  /** It waited for its memory, and its processors have not run for a moment: whatever it came from may go on. */
  readonly neverRan?: true;
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
    /** The guest has let go of a disk, in time or long after it was asked to. */
    | { readonly what: "detached"; readonly disk: string }
    /** It is being sent or received, and got a step further: look. */
    | { readonly what: "migrating" }
    | { readonly what: "exited"; readonly exit: Exit }
  );

/** How a machine really is, beside what its spec says: the same everywhere, or its memory fits nowhere. */
export interface MachineForm {
  /** QEMU's own name of its board, with the version of it. */
  readonly board: string;
  /** The guest has read it. A new one would tell it that it is a clone. */
  readonly vmGenerationId: string | undefined;
  /** Whether its guest has said that it is ready. */
  readonly isUp: boolean;
  /** What was plugged in while it ran: by the name of its device, the number of the slot. None if not given. */
  readonly slots?: Readonly<Record<string, number>> | undefined;
  /** The disk that says in its ROM who the guest is, if one does. */
  readonly identityDisk?: string | undefined;
}

/** Sockets of this host, in files, at which a machine is received. */
export interface Landing {
  readonly memory: string;
  /** An NBD server with an export for each mirrored disk, of the disk's name. */
  readonly disks: string;
  /** Whether this host can run it before all of its memory is there; if not, why, in a sentence for people. */
  readonly postcopy: true | string;
}

/** Where to send a machine, as sockets of this host, in files that its process can be made to reach. */
export interface Departure {
  readonly memory: string;
  readonly disks: string;
  /** Disks that are on this host only, and are copied first. Others both hosts reach. */
  readonly mirrored: readonly string[];
  /** For memory and disks each; as fast as it goes if not given. */
  readonly bytesPerSecond?: number;
  readonly mayPostcopy: boolean;
}

/** QEMU's own words; `mirroring` is ours: the memory has not been begun yet. */
export type MigrationStatus =
  | "none"
  | "mirroring"
  | "setup"
  | "active"
  /** Everything but the last step is done: the disks may be handed over, then it goes on. */
  | "pre-switchover"
  | "device"
  | "postcopy-active"
  /** The channel broke while it ran on the destination, which waits for the rest of its memory. */
  | "postcopy-paused"
  | "completed"
  | "cancelling"
  | "cancelled"
  | "failed";

export interface MigrationView {
  readonly status: MigrationStatus;
  /** QEMU's word on what went wrong. */
  readonly says?: string;
  /** Since its memory was begun. */
  readonly elapsed: Duration;
  /** For how long the guest stood still, as QEMU reckons it; once it is known. */
  readonly downtime?: Duration;
  readonly remainingBytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
  readonly dirtyBytesPerSecond: number;
  readonly disksRemainingBytes: number;
  /** Its disks are as new there as here; true where there are none to copy. */
  readonly areDisksReady: boolean;
  readonly isThrottled: boolean;
}

export type MigrationRung =
  /** Slow the guest's processors down until its memory can be sent faster than it changes. */
  | "slow-down"
  /** Run it there, its memory coming after it. */
  | "postcopy"
  /** From `pre-switchover`: hand over the disks and go on. */
  | "switch"
  /** It runs on here. */
  | "cancel";

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
   * `host_disk_full`, `guest_users_exhausted`, `nic_missing`, `nic_in_use`); no `exited` event follows, but the generation is spent.
   * Rejects with `already_ended` when this generation has run and ended, `overtaken` when a younger
   * generation has been seen, `still_running` while an older one runs here.
   *
   * `cards` resolves when its cards can be plugged in, if they cannot be yet, with what they are like then if `nics` does not
   * say that yet; what needs none of them may be done before. There are as many in `nics` and in the same order.
   * Where that rejects, this rejects with the same, and the generation is not spent.
   * A stop ends the wait at once, and so do forgetting it and `close`: it is not launched then, whatever comes.
   */
  start(spec: MachineSpec, cards?: Promise<Cards>): Promise<void>;
  /**
   * What the templates of this spec are good for, as a digest: another host, QEMU or processor has another one.
   * `contents` says what is in the files that it boots from.
   */
  templateKey(spec: TemplateSpec, contents: readonly string[]): Promise<string>;
  /**
   * Make a template in this empty directory, which is the caller's to keep and to delete; a machine that was started
   * from it needs it no more. Resolves with its size in bytes. Rejects with `template_not_made`; what is in the directory
   * then is of no use.
   */
  makeTemplate(spec: TemplateSpec, directory: string, within: Duration): Promise<number>;
  /**
   * Have one more process read the memory of a template and wait: a start that fits exactly takes it, and its processors run
   * that much sooner. Nobody's until then, it ends with this driver, in whatever way that ends. Resolves when it waits; with
   * false if the guests of this template do not know how to. Rejects where it did not work.
   */
  standBy(template: string, spec: TemplateSpec): Promise<boolean>;
  /** The template of each that waits. */
  standbys(): readonly string[];
  /** End one that waits with the memory of this template. None is fine. */
  standDown(template: string): Promise<void>;
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
  /**
   * Stop its processors, for `atMost` if that is given: then it is resumed if nobody else has done it, also
   * by an agent that was started meanwhile. A machine that is paused already stays so, whoever did it.
   */
  pause(ref: MachineRef, atMost?: Duration): Promise<void>;
  /**
   * One that has been sent to another host and was not let run there (`hasLeft`) runs here again: only for
   * whoever knows that the other one never will.
   */
  resume(ref: MachineRef): Promise<void>;
  /**
   * Have the agent inside the guest write out its file systems and hold them still, for `atMost`: then they are
   * let go if nobody else has done it, also by an agent that was started meanwhile. Resolves with false if
   * nobody in the guest did it in time; it goes on as before then.
   */
  freeze(ref: MachineRef, atMost: Duration): Promise<boolean>;
  /** Not frozen is fine. */
  thaw(ref: MachineRef): Promise<void>;
  /**
   * The disks of a running machine. Rejects with `not_running` or `hypervisor_silent`, as everything
   * about disks does; where a disk is named that is not there, with `disk_not_attached`.
   */
  disks(ref: MachineRef): Promise<readonly AttachedDisk[]>;
  /**
   * Plug a disk in. One of this name that is there already is left alone. Rejects with `disk_in_use`,
   * `disk_unusable`, `no_free_slot` or `bad_disk_id`, and leaves nothing then.
   */
  attachDisk(ref: MachineRef, disk: Disk): Promise<void>;
  /**
   * Ask the guest to let go of a disk, and wait until it has. Absent is fine. Rejects with `detach_refused`
   * if it has not by then: the disk is still there and works, and the guest may yet let go of it (`detached`
   * is told then). Rejects with `disk_busy` while a backup reads it.
   */
  detachDisk(ref: MachineRef, disk: string, within: Duration): Promise<void>;
  /**
   * Make a disk bigger and tell the guest. As big or bigger already: nothing happens. Where the storage must
   * grow first (`nbd`), have that done before. Rejects with `disk_cannot_grow`.
   */
  resizeDisk(ref: MachineRef, disk: string, bytes: number): Promise<void>;
  /** In force at once, for requests that wait as well. */
  setDiskLimits(ref: MachineRef, disk: string, limits: DiskLimits): Promise<void>;
  /**
   * Snapshots inside of the disks, all of the same moment, under one name. Those that have it already keep it.
   * The guest is not asked to write its caches out: freeze its file systems before. Rejects with
   * `snapshot_not_possible` where the disk's format has none, or `host_disk_full`; none is made then.
   */
  snapshotDisks(ref: MachineRef, disks: readonly string[], name: string): Promise<void>;
  /** Absent is fine. */
  removeDiskSnapshot(ref: MachineRef, disk: string, name: string): Promise<void>;
  /**
   * Copy a disk as it is when this is called into a file, and resolve when it is done. An order that an
   * earlier agent did not see through is begun anew. Rejects with `backup_point_missing`,
   * `backup_target_full`, `backup_failed` or `disk_busy`; nothing is lost then and the points are as before.
   */
  backupDisk(ref: MachineRef, disk: string, order: BackupOrder): Promise<void>;
  /** What another host must know of a running machine to receive it. Rejects with `not_movable` where nobody could. */
  formOf(ref: MachineRef): Promise<MachineForm>;
  /**
   * Launch it so that it waits for the memory of a machine that runs elsewhere. It does not run before `land`.
   * Rejects as `start` does. Waiting already: the same landing again.
   */
  receive(spec: MachineSpec, form: MachineForm, mirrored: readonly string[]): Promise<Landing>;
  /** Begin to send a running machine to one that waits. It runs on meanwhile. Rejects with `not_movable`. */
  migrate(ref: MachineRef, departure: Departure): Promise<void>;
  /** How far it is. `none` where it has never begun. */
  migration(ref: MachineRef): Promise<MigrationView>;
  /** Take the next rung. Rejects with `cannot_steer` where it is past that, or this host cannot do it. */
  steer(ref: MachineRef, rung: MigrationRung): Promise<void>;
  /**
   * Let a machine run that has arrived, or whose memory may follow (`postcopy`). Only for whoever knows that
   * the one it came from never runs again. It runs already: nothing happens. Rejects with `not_arrived`.
   */
  land(ref: MachineRef): Promise<void>;
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
   * started again: a start of it that is under way is over when this resolves. Rejects with `still_running`.
   */
  forget(ref: MachineRef): Promise<void>;
  /** Let go of everything without touching the machines, as before a restart of the agent. */
  close(): Promise<void>;
}
