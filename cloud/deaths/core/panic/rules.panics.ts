/**
 * `Kernel panic - not syncing: …`: the kernel stopped itself.
 *
 * A panic is often only the end of a fault that was reported before it. Those that name no cause of their
 * own ("Fatal exception") say that the beginning of the report is missing from this console.
 */
import { callTrace, pattern } from "./frames.ts";
import type { Rule } from "./rule.ts";

const panic = "^Kernel panic - not syncing: ";

export const panicRules: readonly Rule[] = [
  {
    says: pattern(`${panic}stack-protector: Kernel stack is corrupted in: {symbol}`),
    class: "stack-overflow",
    title: "kernel panic: stack is corrupted in {1}",
    meaning: "A function wrote beyond the end of an array on its stack.",
  },
  {
    says: pattern(`${panic}stack-protector:`),
    class: "stack-overflow",
    title: "kernel panic: stack is corrupted in {f}",
    culprit: { path: [callTrace, "trace"], skip: /stack_chk/ },
    meaning: "A function wrote beyond the end of an array on its stack.",
  },
  {
    says: pattern(`${panic}corrupted stack end`),
    class: "stack-overflow",
    title: "kernel panic: corrupted stack end in {f}",
    culprit: { path: [callTrace, "trace"], skip: /schedule|retint_kernel/, pick: "looping" },
    meaning: "Calls went so deep that the stack of the kernel was used up.",
  },
  {
    says: pattern(`${panic}kernel stack overflow`),
    class: "stack-overflow",
    title: "kernel stack overflow in {f}",
    culprit: { path: [callTrace, "trace"], skip: /bad_stack/, pick: "looping" },
    meaning: "Calls went so deep that the stack of the kernel was used up.",
  },
  {
    says: pattern(`${panic}(?:Attempted to kill init!|.{0,20}init died)`),
    class: "init-died",
    title: "kernel panic: Attempted to kill init!",
    meaning: "The first process of the guest ended. A system cannot run without it.",
  },
  {
    says: pattern(`${panic}(No working init found|Requested init .{1,80} failed)`),
    class: "init-died",
    title: "kernel panic: {1}",
    meaning: "The image has no program that can be the first process.",
  },
  {
    says: pattern(`${panic}((?:VFS: )?Unable to mount root fs.*)`),
    class: "no-root-filesystem",
    title: "kernel panic: {1}",
    meaning: "The kernel found no file system to start from.",
  },
  {
    says: pattern(
      `${panic}((?:Out of memory|System is deadlocked on memory|Memory is exhausted).*)`,
    ),
    class: "out-of-memory",
    title: "kernel panic: {1}",
    meaning: "The guest ran out of memory, and is set to stop rather than to kill a program.",
  },
  {
    says: pattern(`${panic}(sysrq triggered crash.*)`),
    class: "requested",
    title: "kernel panic: {1}",
    meaning: "Somebody inside the guest asked for the crash, through sysrq.",
  },
  {
    says: pattern(`${panic}.{0,40}(NMI|[Mm]achine check|Memory error|Uncorrected|MCE)`),
    class: "hardware",
    title: "kernel panic: hardware error ({1})",
    meaning: "The processor or the memory reported an error of the hardware.",
  },
  {
    says: pattern(`${panic}(.{0,10}(?:EXT4-fs|XFS|BTRFS|F2FS|JBD2?)\\b.*)`),
    class: "filesystem-corruption",
    title: "kernel panic: {1}",
    meaning: "A file system found itself damaged, and is set to stop the guest for it.",
  },
  {
    says: pattern(
      `${panic}(hung_task: blocked tasks|softlockup: hung tasks|Hard LOCKUP|RCU Stall)`,
    ),
    class: "hang",
    title: "kernel panic: {1}",
    meaning: "The guest is set to stop when something hangs; the report of it is missing.",
  },
  {
    says: pattern(`${panic}Couldn't open N_TTY ldisc for`),
    class: "panic",
    title: "kernel panic: Couldn't open N_TTY ldisc",
    meaning: "A terminal could not be set up.",
  },
  {
    says: pattern(`${panic}(Fatal exception|panic_on_warn set)`),
    class: "panic",
    title: "kernel panic: {1}",
    meaning: "The end of a fault whose beginning is missing from this console.",
  },
  {
    says: pattern(`${panic}(.*)`),
    class: "panic",
    title: "kernel panic: {1}",
    meaning: "The kernel stopped itself.",
  },
];
