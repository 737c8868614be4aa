/** The agent: what a host does by itself to keep what it was asked for. */
export {
  beginsAfter,
  type GuardState,
  type Renewed,
  readGuardState,
  readRenewed,
} from "./core/guard-words.ts";
export { type Act, type Situation, tend } from "./core/tend.ts";
