/**
 * What is printed on a console by something other than the guest's own kernel, and still is a crash.
 *
 * An appliance may run its one program on the console: a Go program that panics is the end of such a
 * guest. The kernel is innocent.
 */
import type { Rule } from "./rule.ts";

export const programRules: readonly Rule[] = [
  {
    says: /^Booting the kernel/,
    class: "reboot",
    title: "unexpected kernel reboot",
    meaning: "The kernel started again without having been shut down.",
  },
  {
    says: /^trusty: panic.{0,200} ASSERT FAILED at \(.*?\): (.+)/,
    class: "program-crash",
    title: "trusty: ASSERT FAILED: {1}",
    meaning: "The operating system beside the kernel (Trusty) found an assumption broken.",
  },
  {
    says: /^trusty: panic(?:.{0,200} ASSERT FAILED[^:]*| \(.*?\)|): *(.*)/,
    class: "program-crash",
    title: "trusty: panic: {1}",
    meaning: "The operating system beside the kernel (Trusty) gave up.",
  },
  {
    says: /^fatal error:/,
    class: "program-crash",
    title: "go runtime error",
    meaning: "The runtime of a Go program gave up.",
  },
  {
    says: /^(SYZ(?:FAIL|FATAL)):(.*)/,
    class: "program-crash",
    title: "{1}:{2}",
    meaning: "A test program of the kernel gave up.",
  },
  {
    says: /^panic: (.*)/,
    class: "program-crash",
    title: "panic: {1}",
    meaning: "A program on the console gave up.",
  },
  {
    says: /^(BUG|WARNING|INFO):\s*$/,
    class: ([word]) => (word === "WARNING" ? "warning" : "bug"),
    title: "{1}: corrupted",
    meaning: "The kernel began to report a fault, and nothing more of it reached the console.",
  },
];
