/**
 * Misfortune on demand: every way in which a machine can come to grief, with the evidence that the real
 * hypervisor leaves of it. The words are those of QEMU 7.2 and of Linux 6, shortened.
 *
 * Not every misfortune is a death: after some the machine runs on, and only its record knows.
 */
import type { Clock } from "@holdfast/kernel/time";
import type { MachineRef } from "./driver.ts";
import type { SimulatedMachine } from "./simulated-machine.ts";
import {
  type Ending,
  endMachine,
  happen,
  keyOf,
  note,
  resetMachine,
  type SimulatedWorld,
  say,
} from "./simulated-world.ts";

export type Misfortune =
  /** The guest's own doing: it powers off, panics, panics because its memory is full, resets itself. */
  | "power-off"
  | "panic"
  | "memory-panic"
  | "reset"
  /** Its kernel kills a program for memory, and it lives on. */
  | "memory"
  /** It stops; its watchdog fires after the world's `watchdogTime`. */
  | "hang"
  /** SIGKILL, SIGSEGV, SIGABRT out of the blue; SIGTERM from some process. */
  | "killed"
  | "crashed"
  | "aborted"
  | "terminated"
  /** QEMU neither runs nor answers, and only SIGKILL ends it. */
  | "frozen"
  /** Its cgroup ran out of memory. */
  | "starved"
  /** This host's guard ended it. */
  | "fenced"
  /** It is gone, and so is whoever should have said how. */
  | "vanished"
  | "host-rebooted"
  /** Its disk fails, or the file system it is on is full: the guest stands still. */
  | "disk-error"
  | "disk-full"
  /** Its disk was cut under it, which it does not notice. */
  | "disk-lost";

/** Lets it happen. A machine that has ended already is past all harm. */
export function befall(
  world: SimulatedWorld,
  ref: MachineRef,
  clock: Clock,
  misfortune: Misfortune,
): void {
  const machine = world.machines.get(keyOf(ref));
  if (!machine || machine.exit) return;
  const end = (how: Ending) => endMachine(world, ref, clock, how);
  fates[misfortune]({ world, machine, clock, end });
}

interface Stage {
  readonly world: SimulatedWorld;
  readonly machine: SimulatedMachine;
  readonly clock: Clock;
  end(how: Ending): void;
}

const fates: Readonly<Record<Misfortune, (stage: Stage) => void>> = {
  "power-off": ({ end }) => end({ status: { code: 0 }, reason: "guest-shutdown" }),
  panic(stage) {
    panic(stage, [
      "sysrq: Trigger a crash",
      "Kernel panic - not syncing: sysrq triggered crash",
      "Call Trace:",
    ]);
  },
  "memory-panic"(stage) {
    panic(stage, [
      "tail invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0",
      "Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled",
    ]);
  },
  reset: ({ world, machine, clock }) => resetMachine(world, machine, clock, "guest-reset"),
  memory: ({ machine, clock }) =>
    say(machine, clock, "Out of memory: Killed process 138 (tail) total-vm:87012kB"),
  hang,
  killed: ({ end }) => end({ status: { signal: "SIGKILL" } }),
  crashed: ({ end, machine: { pid } }) =>
    end({
      status: { signal: "SIGSEGV" },
      kernelLog: [
        `CPU 0/TCG[${pid}]: segfault at 0 ip 00005581 sp 00007f2c error 4 in qemu-system-x86_64`,
      ],
    }),
  aborted: ({ end }) =>
    end({
      status: { signal: "SIGABRT" },
      hypervisorLog: ["qemu-system-x86_64: block.c:1: bdrv_drain: Assertion `!bs' failed."],
    }),
  terminated: ({ end }) =>
    end({
      status: { code: 0 },
      reason: "host-signal",
      signalledBy: { signal: "SIGTERM", pid: 1, name: "/sbin/init" },
      hypervisorLog: ["qemu-system-x86_64: terminating on signal 15 from pid 1 (/sbin/init)"],
    }),
  frozen({ machine }) {
    machine.isFrozen = true;
  },
  starved: ({ end, machine: { spec, pid } }) =>
    end({
      status: { signal: "SIGKILL" },
      oomKills: 1,
      kernelLog: [
        "memory: usage 327680kB, limit 327680kB, failcnt 71",
        `oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/holdfast/${keyOf(spec)},task=qemu-system-x86,pid=${pid}`,
        `Memory cgroup out of memory: Killed process ${pid} (qemu-system-x86)`,
      ],
    }),
  fenced: ({ end, clock }) =>
    end({
      status: { signal: "SIGKILL" },
      fenced: { at: clock.now(), why: "lease-expired" },
    }),
  vanished: ({ end }) => end({ status: "unrecorded" }),
  "host-rebooted"({ end, machine, clock }) {
    note(machine, clock, "HOST_REBOOTED", { from: "one", to: "another" });
    end({ status: "unrecorded" });
  },
  "disk-error": (stage) => failDisk(stage, "Input/output error"),
  "disk-full": (stage) => failDisk(stage, "No space left on device"),
  "disk-lost"({ world, machine, clock }) {
    const file = machine.spec.disks[0]?.source.files[0] ?? "";
    note(machine, clock, "DISK_LOST", { file, is: "cut", was: 1_048_576, now: 0 });
    const detail = `${file} is cut: 1048576 bytes before, 0 now`;
    happen(world, machine, { what: "io-error", detail });
  },
};

function panic({ world, machine, clock, end }: Stage, lastWords: readonly string[]): void {
  for (const line of lastWords) say(machine, clock, line);
  note(machine, clock, "GUEST_PANICKED", { action: "poweroff" });
  happen(world, machine, { what: "panicked" });
  end({ status: { code: 0 }, reason: "guest-panic" });
}

/** A reset wakes it, and a pause stops the watchdog's clock. */
function hang({ world, machine, clock }: Stage): void {
  const { boots } = machine;
  machine.isHung = true;
  void clock.sleep(world.watchdogTime).then(() => {
    if (machine.exit || machine.boots !== boots || machine.phase !== "running") return;
    note(machine, clock, "WATCHDOG", { action: "pause" });
    note(machine, clock, "STOP");
    machine.phase = "paused";
    machine.isStoppedByWatchdog = true;
    if (world.attached.size > 0) endHung(world, machine, clock);
  });
}

/** What a driver does when it hears of it, or finds it. */
export function endHung(world: SimulatedWorld, machine: SimulatedMachine, clock: Clock): void {
  note(machine, clock, "PROCESSORS", { processors: [{ at: "ffffffff81c0a4c2", isHalted: true }] });
  note(machine, clock, "SHUTDOWN", { guest: false, reason: "host-qmp-quit" });
  endMachine(world, machine.spec, clock, { status: { code: 0 }, reason: "watchdog" });
}

function failDisk({ world, machine, clock }: Stage, reason: string): void {
  if (machine.phase === "io-error") return;
  machine.phase = "io-error";
  const nospace = reason.startsWith("No space");
  const about = { "node-name": "disk0", operation: "write", action: "stop", nospace, reason };
  note(machine, clock, "BLOCK_IO_ERROR", about);
  note(machine, clock, "STOP");
  const why = nospace ? "the host's disk is full" : reason;
  happen(world, machine, { what: "io-error", detail: `write on disk0: ${why}` });
}
