/**
 * How the kernel words its faults, and what each wording means.
 *
 * The order matters: the first rule that fits the line wins, so a special wording stands before the
 * general one that it also fits. The wordings differ between kernels from 2.6 to 6.x; a rule that only
 * knew today's would be silent on the guest that nobody has updated.
 */
import type { Rule } from "./rule.ts";
import { hangRules } from "./rules.hangs.ts";
import { lockRules } from "./rules.locks.ts";
import { memoryRules } from "./rules.memory.ts";
import { panicRules } from "./rules.panics.ts";
import { programRules } from "./rules.programs.ts";
import { trapRules } from "./rules.traps.ts";
import { warningRules } from "./rules.warnings.ts";

export const rules: readonly Rule[] = [
  ...memoryRules,
  ...hangRules,
  ...lockRules,
  ...warningRules,
  ...trapRules,
  ...panicRules,
  ...programRules,
];
