/**
 * What the lock validator (lockdep) and its relatives report: rules about locks that were broken.
 *
 * A possible deadlock is not one that happened; the guest may have run on. Before 4.10 the same texts
 * began with `INFO:` instead of `WARNING:`.
 */
import { callTrace, pattern } from "./frames.ts";
import type { Rule } from "./rule.ts";

const heldAt = pattern("at: (?:{address} +)?{symbol}");
const placed = pattern("{address} +{symbol}");

export const lockRules: readonly Rule[] = [
  {
    says: /^WARNING: possible circular locking dependency detected/,
    details: [/is trying to acquire lock/],
    class: "deadlock",
    title: "possible deadlock in {f}",
    culprit: {
      path: [heldAt, heldAt, "trace"],
      // Locks of a work item are taken on behalf of the work.
      skip: /process_one_work|(?:flush|drain|destroy)_workqueue/,
    },
    meaning: "Two tasks take the same locks in opposite order and can block each other for ever.",
  },
  {
    says: /^(?:WARNING|INFO): possible (?:circular|recursive) locking (?:dependency )?detected/,
    details: [/is trying to acquire lock/, heldAt],
    class: "deadlock",
    title: "possible deadlock in {1}",
    meaning: "A lock is taken that is held already, or in an order that can block for ever.",
  },
  {
    says: /^(?:WARNING|INFO): possible irq lock inversion dependency detected/,
    details: [/just changed the state of lock/, heldAt],
    class: "deadlock",
    title: "possible deadlock in {1}",
    meaning: "An interrupt can need a lock that the interrupted code holds.",
  },
  {
    says: /^WARNING: .{1,40}-safe -> .{1,40}-unsafe lock order detected/,
    class: "deadlock",
    title: "possible deadlock in {f}",
    culprit: { path: [/which became .* at:/, "trace"] },
    meaning: "A lock that interrupts need is taken together with one that they can interrupt.",
  },
  {
    says: /^INFO: .{1,40}-safe -> .{1,40}-unsafe lock order detected/,
    details: [/is trying to acquire/, heldAt],
    class: "deadlock",
    title: "possible deadlock in {1}",
    meaning: "A lock that interrupts need is taken together with one that they can interrupt.",
  },
  {
    says: /^WARNING: inconsistent lock state/,
    details: [/takes/, heldAt],
    class: "deadlock",
    title: "inconsistent lock state in {f}",
    culprit: { path: [callTrace, "trace"] },
    meaning: "A lock is taken with interrupts on here, and inside of an interrupt there.",
  },
  {
    says: /^INFO: inconsistent lock state/,
    details: [/takes/, heldAt],
    class: "deadlock",
    title: "inconsistent lock state in {1}",
    meaning: "A lock is taken with interrupts on here, and inside of an interrupt there.",
  },
  {
    says: /^(WARNING|INFO): suspicious RCU usage/,
    details: [/[\w./-]{1,200}\.[a-z]{1,4}:[0-9]/],
    class: "locking",
    title: "{1}: suspicious RCU usage in {f}",
    culprit: { path: [callTrace, "trace"], skip: /rcu|kmem|slab/ },
    meaning: "Shared data was read without the protection that readers must take.",
  },
  {
    says: /^INFO: trying to register non-static key/,
    class: "locking",
    title: "INFO: trying to register non-static key in {f}",
    culprit: { path: [callTrace, "trace"], skip: /stack|lock|IRQ/ },
    meaning: "A lock was used before it was prepared.",
  },
  {
    says: /^BUG: (spinlock|rwlock) (lockup suspected|already unlocked|recursion|cpu recursion|bad magic|wrong owner|wrong CPU|trylock failure on UP)/,
    class: "locking",
    title: "BUG: {1} {2} in {f}",
    culprit: { path: [callTrace, "trace"], skip: /spin_|_lock|_unlock/ },
    meaning: "A lock was found in a state that it cannot be in.",
  },
  {
    says: /^(BUG|WARNING): bad unlock balance detected!/,
    class: "locking",
    title: "{1}: bad unlock balance in {f}",
    culprit: { path: [placed, callTrace, "trace"] },
    meaning: "A lock was given back by somebody who did not hold it.",
  },
  {
    says: /^BUG: .{0,200}still has locks held!/,
    details: [placed],
    class: "locking",
    title: "BUG: still has locks held in {1}",
    meaning: "A task went away with a lock in its hands.",
  },
  {
    says: /^WARNING: .{0,200}still has locks held!/,
    details: [pattern("at: {symbol}")],
    class: "locking",
    title: "WARNING: still has locks held in {1}",
    meaning: "A task went away with a lock in its hands.",
  },
  {
    says: /^(BUG|WARNING): lock held when returning to user space/,
    details: [/leaving the kernel with locks still held/, heldAt],
    class: "locking",
    title: "{1}: lock held when returning to user space in {2}",
    meaning: "A system call ended with a lock in its hands.",
  },
  {
    says: /^BUG: held lock freed!/,
    details: [placed],
    class: "locking",
    title: "BUG: held lock freed in {1}",
    meaning: "Memory was given back with a lock in it that somebody holds.",
  },
  {
    says: /^WARNING: held lock freed!/,
    details: [pattern("at:(?: {address})? +{symbol}")],
    class: "locking",
    title: "WARNING: held lock freed in {1}",
    meaning: "Memory was given back with a lock in it that somebody holds.",
  },
  {
    says: /^BUG: Invalid wait context/i,
    class: "locking",
    title: "WARNING: locking bug in {f}",
    culprit: { path: [callTrace, "trace"], skip: /lock_sock|release_sock/ },
    meaning: "A lock that may sleep was taken where sleeping is forbidden.",
  },
  {
    says: /^BUG: using ([a-z_]+)\(\) in preemptible/,
    class: "locking",
    title: "BUG: using {1}() in preemptible code in {f}",
    culprit: {
      path: [callTrace, "trace"],
      skip: /dump_stack|preemption|preempt|debug_|processor_id|this_cpu/,
    },
    meaning: "Data of one processor was used by code that can be moved to another at any moment.",
  },
  {
    says: /^BUG: workqueue leaked lock or atomic/,
    details: [/last function: ([A-Za-z0-9_]+)/],
    class: "locking",
    title: "BUG: workqueue leaked lock or atomic in {1}",
    meaning: "Work that the kernel had put off ended with a lock in its hands.",
  },
  {
    says: /^BUG: scheduling while atomic/,
    class: "sleep-in-atomic",
    title: "BUG: scheduling while atomic in {f}",
    culprit: { path: [callTrace, "trace"], skip: /schedule/ },
    meaning: "The processor was given away by code that must not be interrupted.",
  },
  {
    says: /^BUG: sleeping function called from invalid context at/,
    class: "sleep-in-atomic",
    title: "BUG: sleeping function called from invalid context in {f}",
    culprit: { path: [callTrace, "trace"] },
    meaning: "A function that may sleep was called where sleeping is forbidden.",
  },
];
