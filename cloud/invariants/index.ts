/** Invariants: what always holds, and how to see whether it does. What other capabilities and tests may use. */
export { type Kind, kinds, type Line, type Moment, type Rule, type Sights } from "./core/model.ts";
export { judge, ruleList, rules } from "./core/rules.ts";
