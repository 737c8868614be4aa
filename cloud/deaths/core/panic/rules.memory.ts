/**
 * Faults of memory: what the sanitizers (KASAN, KFENCE, KMSAN, UBSAN), the leak detector and the checks of pages report.
 *
 * A sanitizer names the function that touched the memory; that is often `memcpy`. The caller is meant.
 */
import { type Culprit, callTrace, instruction, pattern } from "./frames.ts";
import type { FaultClass } from "./model.ts";
import type { Rule } from "./rule.ts";

/** The function in the first line, or else the first on the stack that is no helper. */
function named(kind: string, skip?: RegExp): Culprit {
  const path = [pattern(`${kind} in {symbol}`), callTrace, "trace"] as const;
  return skip ? { path, skip } : { path };
}

function accessClass([kind = ""]: readonly string[]): FaultClass {
  if (kind.includes("after-free")) return "use-after-free";
  if (kind.includes("null-ptr")) return "null-dereference";
  if (kind.includes("out-of-bounds")) return "out-of-bounds";
  if (kind.includes("free")) return "invalid-free";
  return "bad-access";
}

/** Where an uninitialised value was used, or else where it came from. */
const origin = /Local variable .{1,80} created at:|Uninit was created at:/;

export const memoryRules: readonly Rule[] = [
  {
    says: pattern("^BUG: KASAN: ([a-z-]+) in {symbol}"),
    details: [/\b(Read|Write) (?:of size|at addr) [0-9a-f]/],
    class: accessClass,
    title: "KASAN: {1} {3} in {f}",
    culprit: named("BUG: KASAN: [a-z-]+", /kernel_fault|tag_check|mem_abort|^el1h?_/),
    meaning: "The address sanitizer caught the kernel at memory that is not its to touch.",
  },
  {
    says: pattern(
      "^BUG: KASAN: (?:double-free or invalid-free|double-free|invalid-free) in {symbol}",
    ),
    class: "invalid-free",
    title: "KASAN: invalid-free in {f}",
    culprit: named(
      "BUG: KASAN: (?:double-free or invalid-free|double-free|invalid-free)",
      /slab_|kfree|vunmap|vfree/,
    ),
    meaning: "Memory was given back that had been given back already, or was never handed out.",
  },
  {
    says: /^BUG: KASAN: ([a-z-]+) on address/,
    details: [/\b(Read|Write) of size [0-9]/],
    class: accessClass,
    title: "KASAN: {1} {2}",
    meaning: "The address sanitizer caught a wrong access; this kernel does not say where.",
  },
  {
    says: /^BUG: KASAN: (.*)/,
    class: accessClass,
    title: "KASAN: {1}",
    meaning: "The address sanitizer began a report that did not reach the console.",
  },
  {
    says: pattern("^BUG: KMSAN: (kernel-usb-infoleak[a-z-]*) in {symbol}"),
    class: "information-leak",
    title: "KMSAN: {1} in {f}",
    culprit: {
      path: ["trace", origin, "trace"],
      skip: /alloc_skb|usb_(?:submit_urb|start_wait_urb|bulk_msg|interrupt_msg|control_msg)/,
    },
    meaning: "Memory that nobody had written was sent to a USB device.",
  },
  {
    says: pattern("^BUG: KMSAN: ([a-z-]+) in {symbol}"),
    class: ([kind = ""]) =>
      kind.includes("after-free")
        ? "use-after-free"
        : kind.includes("infoleak")
          ? "information-leak"
          : "uninitialised-value",
    title: "KMSAN: {1} in {f}",
    culprit: {
      path: ["trace", origin, "trace"],
      // Whoever encrypts or acknowledges was handed the bytes.
      skip: /alloc_skb|netlink_(?:ack|rcv_skb)|_encrypt$|^(?:crypto|cipher|drbg|rng)_/,
    },
    meaning: "The kernel used memory that nobody had written.",
  },
  {
    says: /^BUG: KCSAN: data-race (.*)/,
    class: "data-race",
    title: "KCSAN: data-race {1}",
    meaning: "Two processors used the same memory at once, and at least one of them wrote.",
  },
  {
    says: /^BUG: KCSAN: (.*)/,
    class: "data-race",
    title: "KCSAN: {1}",
    meaning: "An assumption about who may use some memory at a time was broken.",
  },
  {
    says: pattern("^BUG: KFENCE: (use-after-free|out-of-bounds|invalid) (read|write) in {symbol}"),
    class: accessClass,
    title: "KFENCE: {1} {2} in {f}",
    culprit: { path: [pattern("BUG: KFENCE: [a-z -]+ in {symbol}"), "trace"] },
    meaning: "A guard around an object of the kernel was touched.",
  },
  {
    says: pattern("^BUG: KFENCE: (use-after-free|out-of-bounds) in {symbol}"),
    class: accessClass,
    title: "KFENCE: {1} in {f}",
    culprit: { path: [pattern("BUG: KFENCE: [a-z -]+ in {symbol}"), "trace"] },
    meaning: "A guard around an object of the kernel was touched.",
  },
  {
    says: pattern("^BUG: KFENCE: (invalid free|memory corruption) in {symbol}"),
    class: ([kind]) => (kind === "invalid free" ? "invalid-free" : "memory-corruption"),
    title: "KFENCE: {1} in {f}",
    culprit: { path: [pattern("BUG: KFENCE: [a-z -]+ in {symbol}"), "trace"] },
    meaning:
      "The edge of an object was found overwritten when it was given back, or it was nobody's.",
  },
  {
    says: /^BUG: memory leak/,
    class: "memory-leak",
    title: "memory leak in {f}",
    culprit: {
      path: [/backtrace(?: \(crc [0-9a-f]*\))?:/, "trace"],
      skip: /kmemleak|mmap|kmem|slab|alloc|create_object|idr_get|list_lru_init|pcpu_create/,
    },
    meaning: "Memory was allocated and nothing points to it any more.",
  },
  {
    says: /^BUG: Bad page (state|cache)/,
    class: "bad-page-state",
    title: "BUG: Bad page {1} in {f}",
    culprit: {
      // Who last had the page; whoever found it in that state is innocent.
      path: [/page last allocated/, "trace"],
      skip: /(?:free|put|get|update|release)_page|free_unref|^_*folio|truncate_inode_pages|page_frag_free|alloc|vmap|page_owner/,
    },
    meaning: "A page was given back while it was still in use, or its record was overwritten.",
  },
  {
    says: /^BUG: Bad page map/,
    class: "bad-page-state",
    title: "BUG: Bad page map",
    meaning: "The table of a program's memory points to a page that is not there.",
  },
  {
    says: /^BUG: (Bad rss-counter state|non-zero nr_ptes on freeing mm|non-zero nr_pmds on freeing mm|non-zero pgtables_bytes on freeing mm)/,
    class: "bad-page-state",
    title: "BUG: {1}",
    meaning: "A program ended, and the count of its memory did not come out at nothing.",
  },
  {
    says: /^BUG: .{0,80}stack guard page was hit at/,
    class: "stack-overflow",
    title: "BUG: stack guard page was hit in {f}",
    culprit: { path: [instruction, callTrace, "trace"], pick: "looping" },
    meaning: "Calls went so deep that the stack of the kernel was used up.",
  },
  {
    says: /^BUG kmalloc-[^:]{0,80}: Object already free/,
    class: "invalid-free",
    title: "BUG: Object already free",
    meaning: "Memory was given back twice.",
  },
  {
    says: /^INFO: (Freed|Allocated) in (.*)/,
    class: "use-after-free",
    title: "INFO: {1} in {2}",
    meaning: "The middle of a report about memory; its beginning did not reach the console.",
  },
  {
    says: /^UBSAN: Undefined behaviour in/,
    class: "undefined-behaviour",
    title: "UBSAN: undefined-behaviour in {f}",
    culprit: { path: [callTrace, "trace"], skip: /ubsan|overflow/ },
    meaning: "A shift, a division or a conversion had no defined result.",
  },
  {
    says: /^UBSAN: (.*?) in/,
    class: ([kind = ""]) =>
      kind.includes("out-of-bounds") ? "out-of-bounds" : "undefined-behaviour",
    title: "UBSAN: {1} in {f}",
    culprit: { path: [callTrace, "trace"], skip: /ubsan|overflow/ },
    meaning: "An index, a shift or a conversion had no defined result.",
  },
];
