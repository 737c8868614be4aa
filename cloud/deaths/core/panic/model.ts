/**
 * The nouns of panic triage: what a console can tell about a kernel that failed.
 *
 * `isCrash` is not "the machine died": a warning or a leak that the kernel reported is a fault of the
 * kernel, and the guest may have lived on for days. `hasPanicked` says that the kernel stopped itself.
 */

/** Whose fault it is: ours (host, storage, hardware), the image's (its kernel, its boot), or the workload's. */
export type Layer = "infrastructure" | "base-image" | "application";

export interface Verdict {
  readonly layer: Layer;
  /** One sentence for the owner of the instance. */
  readonly because: string;
}

/** Every class that a console can be given, with what it means. The keys are stable: they are stored. */
export const faultClasses = {
  none: "Nothing in the console says that the kernel failed.",
  "null-dereference": "The kernel used a pointer that was not set.",
  "use-after-free": "The kernel used memory that it had already given back.",
  "out-of-bounds": "The kernel read or wrote beyond the end of an object.",
  "invalid-free": "The kernel gave memory back twice, or memory that it did not own.",
  "bad-access": "The kernel used an address at which there is no memory.",
  "general-protection-fault":
    "The processor refused an access: most often a pointer that is no address.",
  "memory-corruption": "A structure of the kernel was overwritten by something else.",
  "bad-page-state": "The records that the kernel keeps of a page of memory contradict each other.",
  refcount: "A reference counter was used after it reached zero, or overflowed.",
  "uninitialised-value": "The kernel decided on memory that nobody had written.",
  "information-leak": "The kernel handed out memory that nobody had written.",
  "memory-leak": "The kernel lost track of memory that it allocated.",
  "stack-overflow": "A kernel stack was used up or overwritten.",
  "undefined-behaviour": "The kernel computed something that the C language does not define.",
  "data-race": "Two processors used the same memory at once, without a lock.",
  deadlock: "Locks are taken in orders that can block each other for ever.",
  locking: "A lock, or a rule about where a lock is needed, was used wrongly.",
  "sleep-in-atomic": "The kernel tried to sleep where sleeping is forbidden.",
  hang: "A processor or a task made no progress for longer than the kernel tolerates.",
  "divide-error": "The kernel divided by zero.",
  "invalid-opcode": "The processor met an instruction that it does not know.",
  "double-fault": "A fault happened while the kernel handled a fault.",
  "processor-exception": "The processor stopped the kernel with another exception.",
  bug: "The kernel found itself in a state that its authors had ruled out.",
  warning: "The kernel found a state that its authors did not expect, and went on.",
  "out-of-memory": "The guest ran out of memory.",
  "init-died": "The first process of the guest ended, and a system cannot run without it.",
  "no-root-filesystem": "The kernel found no file system to start from.",
  "filesystem-corruption": "A file system contradicts itself.",
  "disk-error": "A disk of the guest failed to read or write.",
  hardware: "The processor or the memory reported an error of the hardware.",
  requested: "Somebody inside the guest asked for the crash.",
  panic: "The kernel stopped itself, for a reason of its own.",
  reboot: "The kernel started again without having been shut down.",
  "program-crash": "A program that writes to the console crashed.",
} as const;

export type FaultClass = keyof typeof faultClasses;

export interface Triage {
  /** Whether the kernel (or a runtime on the console) reported a fault. A warning counts; see above. */
  readonly isCrash: boolean;
  /** Whether the kernel stopped itself: `Kernel panic`. */
  readonly hasPanicked: boolean;
  readonly class: FaultClass;
  /**
   * The same for the same fault, so that deaths can be grouped: no addresses, numbers or devices.
   * `corrupted` stands where the console does not hold the function. "" when there is nothing to say.
   */
  readonly title: string;
  /** The function at fault: not the one that noticed, and not a helper that was handed bad data. */
  readonly function?: string;
  /** The loadable module of that function, or else the part of the kernel, as a folder of its source. */
  readonly module?: string;
  /** Absent when the console shows no fault: no verdict without evidence. */
  readonly verdict?: Verdict;
  /** The lines of the console that say so, oldest first, at most `maxEvidence`. */
  readonly lines: readonly string[];
}
