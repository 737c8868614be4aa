/**
 * `WARN()`: the kernel met a state that it did not expect, said so with a stack, and went on.
 *
 * On a guest with `panic_on_warn` it did not go on; elsewhere a warning is a hint, not a death. Where
 * the warning comes from a checker (reference counts, object life cycles, copies to programs), the file
 * is the checker's, and the function at fault is its caller.
 */
import { type Culprit, callTrace, instruction, pattern } from "./frames.ts";
import type { Rule } from "./rule.ts";

/** The stack of a warning starts behind the trap that a newer kernel uses to raise it. */
function warned(skip?: RegExp): Culprit {
  const path = [
    pattern(`(?:${instruction.source}|--- interrupt: [0-9a-f]+ at {symbol})`),
    "trace",
  ] as const;
  const otherwise = [callTrace, "trace"] as const;
  return skip ? { path, otherwise, skip } : { path, otherwise };
}

const source = String.raw`[\w./-]{1,200}\.[a-z]{1,4}:[0-9]{1,6}`;
const usb = /usb_(?:submit_urb|start_wait_urb|bulk_msg|interrupt_msg|control_msg)/;

export const warningRules: readonly Rule[] = [
  {
    says: /^WARNING: .*lib\/debugobjects\.c.* (?:debug_print|debug_check|at)/,
    class: "warning",
    title: "WARNING: ODEBUG bug in {f}",
    culprit: warned(
      /debug_|rcu|hrtimer_|timer_|work_|percpu_|vunmap|vfree|__free_|debug_check|kobject_/,
    ),
    meaning: "An object was given back while a timer or work in it was still active.",
  },
  {
    says: /^WARNING: .*mm\/usercopy\.c.* (?:usercopy_warn|at)/,
    class: "warning",
    title: "WARNING: bad usercopy in {f}",
    culprit: warned(/usercopy|__check/),
    meaning: "More was copied to or from a program than the object holds.",
  },
  {
    says: /^WARNING: .*lib\/kobject\.c.* (?:kobject_|at)/,
    class: "warning",
    title: "WARNING: kobject bug in {f}",
    culprit: warned(/kobject_/),
    meaning: "An object of the device model was used before it was ready.",
  },
  {
    says: /^WARNING: .*fs\/proc\/generic\.c.* (?:proc_register|at)/,
    class: "warning",
    title: "WARNING: proc registration bug in {f}",
    culprit: warned(/proc_/),
    meaning: "The same entry of /proc was made twice.",
  },
  {
    says: /^WARNING: .*lib\/refcount\.c.* (?:refcount_|at)/,
    class: "refcount",
    title: "WARNING: refcount bug in {f}",
    culprit: warned(/refcount|kobject_/),
    meaning: "A reference counter was used after it reached zero, or overflowed.",
  },
  {
    says: /^WARNING: .*kernel\/locking\/lockdep\.c.*lock_/,
    class: "locking",
    title: "WARNING: locking bug in {f}",
    culprit: warned(/lock_sock|release_sock/),
    meaning: "The lock validator found its own records contradicted.",
  },
  {
    says: /^WARNING: Nested lock was not taken/i,
    class: "locking",
    title: "WARNING: nested lock was not taken in {f}",
    culprit: warned(),
    meaning: "A lock was taken under the promise that another one is held, and it was not.",
  },
  {
    says: /^WARNING: .*mm\/.*\.c.* k?.?malloc/,
    class: "warning",
    title: "WARNING: kmalloc bug in {f}",
    culprit: warned(/kmalloc|krealloc|slab|kmem/),
    meaning: "More memory was asked for in one piece than the kernel can ever give.",
  },
  {
    says: /^WARNING: .*mm\/vmalloc.c.*__vmalloc_node/,
    class: "warning",
    title: "WARNING: zero-size vmalloc in {f}",
    culprit: warned(),
    meaning: "Memory of no size was asked for.",
  },
  {
    says: /^WARNING: .* usb_submit_urb/,
    class: "warning",
    title: "WARNING in {f}/usb_submit_urb",
    culprit: warned(usb),
    meaning: "A driver sent a request that its USB device cannot have.",
  },
  {
    says: pattern(`^WARNING: .{0,200} at ${source} {symbol}`),
    class: "warning",
    title: "WARNING in {f}",
    culprit: warned(),
    meaning: "The kernel met a state that it did not expect.",
  },
  {
    // Since 6.19 the place comes first, and the processor and task last.
    says: pattern(String.raw`^WARNING: (?:\[.{0,200}\] )?${source} at (?:0x[0-9a-f]+|{symbol})`),
    class: "warning",
    title: "WARNING in {f}",
    culprit: warned(),
    meaning: "The kernel met a state that it did not expect.",
  },
  {
    says: /^WARNING: kernel stack (?:regs|frame pointer) .{0,200} has bad (?:'[a-z]{1,8}' )?value/,
    class: "warning",
    title: "WARNING: kernel stack regs has bad value",
    meaning: "A stack of the kernel could not be followed.",
  },
];
