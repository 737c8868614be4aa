/**
 * Exceptions of the processor: an address that is not there, a division by zero, an unknown instruction, `BUG()`.
 *
 * The function is where the instruction pointer was; that is exact, unless it was a helper. Kernels of
 * x86, ARM, PowerPC and RISC-V word the same fault differently.
 */
import { type Culprit, callTrace, instruction } from "./frames.ts";
import type { Rule } from "./rule.ts";

const atInstruction: Culprit = { path: [instruction, callTrace, "trace"] };
const onStack: Culprit = { path: [callTrace, "trace"] };
const instructionOnly: Culprit = { path: [instruction] };

export const trapRules: readonly Rule[] = [
  {
    says: /^BUG: (?:unable to handle kernel paging request|unable to handle page fault for address|Unable to handle kernel data access)/,
    class: "bad-access",
    title: "BUG: unable to handle kernel paging request in {f}",
    culprit: atInstruction,
    meaning: "The kernel used an address at which there is no memory.",
  },
  {
    says: /^BUG: (?:unable to handle kernel NULL|[kK]ernel NULL) pointer dereference/,
    class: "null-dereference",
    title: "BUG: unable to handle kernel NULL pointer dereference in {f}",
    culprit: atInstruction,
    meaning: "The kernel used a pointer that was not set.",
  },
  {
    says: /^BUG: [uU]nable to handle kernel/,
    class: "bad-access",
    title: "BUG: unable to handle kernel",
    meaning: "The kernel used a wrong address; the rest of the line did not reach the console.",
  },
  {
    says: /^Unable to handle kernel (paging request|NULL pointer dereference|access to user memory)/,
    class: ([what]) => (what?.startsWith("NULL") ? "null-dereference" : "bad-access"),
    title: "BUG: unable to handle kernel {1} in {f}",
    culprit: atInstruction,
    meaning: "The kernel used an address at which there is no memory, or not its own.",
  },
  {
    says: /^BUG: Dentry .{0,200} still in use \([0-9]+\) \[(unmount) of /,
    class: "bug",
    title: "BUG: Dentry still in use in {1}",
    meaning: "A file system was unmounted while a name in it was still in use.",
  },
  {
    says: /^general protection fault.*:/,
    class: "general-protection-fault",
    title: "general protection fault in {f}",
    culprit: atInstruction,
    meaning: "The processor refused an access: most often a pointer that is no address.",
  },
  {
    says: /^stack segment: /,
    class: "processor-exception",
    title: "stack segment fault in {f}",
    culprit: atInstruction,
    meaning: "The processor refused an access to the stack.",
  },
  {
    says: /^PANIC: double fault/,
    class: "double-fault",
    title: "PANIC: double fault in {f}",
    culprit: instructionOnly,
    meaning: "A fault happened while the kernel handled a fault; often a stack that is used up.",
  },
  {
    says: /^divide[ _]error: /,
    class: "divide-error",
    title: "divide error in {f}",
    culprit: instructionOnly,
    meaning: "The kernel divided by zero.",
  },
  {
    says: /^invalid opcode: /,
    class: "invalid-opcode",
    title: "invalid opcode in {f}",
    culprit: instructionOnly,
    meaning:
      "The processor met an instruction that it does not know; the line before it is missing.",
  },
  {
    says: /^int3: /,
    class: "processor-exception",
    title: "int3 in {f}",
    culprit: atInstruction,
    meaning:
      "The processor met a breakpoint that nobody had set, or code while it was being changed.",
  },
  {
    says: /^(Internal error|Unhandled fault|Alignment trap):/,
    class: ([what]) => (what === "Alignment trap" ? "processor-exception" : "bad-access"),
    title: "{1} in {f}",
    culprit: atInstruction,
    meaning: "The processor (ARM) stopped the kernel with an exception.",
  },
  {
    says: /^kernel BUG at mm\/usercopy\.c/,
    class: "bug",
    title: "BUG: bad usercopy in {f}",
    culprit: { ...onStack, skip: /usercopy|__check/ },
    meaning: "More was copied to or from a program than the object holds.",
  },
  {
    says: /^kernel BUG at lib\/list_debug\.c/,
    class: "memory-corruption",
    title: "BUG: corrupted list in {f}",
    culprit: onStack,
    meaning: "A list was overwritten, or an entry was removed twice.",
  },
  {
    says: /^kernel BUG at (.*)/,
    class: "bug",
    title: "kernel BUG in {f}",
    // Functions on network buffers check for everybody; who called them is at fault.
    culprit: { ...atInstruction, skip: /^skb_/ },
    meaning: "The kernel found itself in a state that its authors had ruled out.",
  },
  {
    says: /^Kernel BUG (.*)/,
    class: "bug",
    title: "kernel BUG {1}",
    meaning: "The kernel found itself in a state that its authors had ruled out.",
  },
  {
    says: /^rust_kernel: panicked at/,
    details: [/^(.{1,200})$/],
    class: "bug",
    title: "{1} in {f}",
    culprit: { ...onStack, skip: /__rustc::rust_begin_unwind/ },
    meaning: "A part of the kernel that is written in Rust gave up.",
  },
  {
    says: /^VFS: Close: file count is 0/,
    class: "use-after-free",
    title: "VFS: Close: file count is zero (use-after-free)",
    meaning: "A file was closed that nobody had open.",
  },
  {
    says: /^VFS: Busy inodes after unmount/,
    class: "use-after-free",
    title: "VFS: Busy inodes after unmount (use-after-free)",
    meaning: "A file system was unmounted while files in it were in use.",
  },
];
