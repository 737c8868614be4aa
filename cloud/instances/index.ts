/** Instances: virtual machines that belong to a project. What other capabilities and the console may use. */
export { staysFor } from "./core/destinations.ts";
export {
  commands,
  homed,
  type InstanceEvent,
  type InstanceState,
  lifecycle,
  proofs,
  timers,
  transitional,
} from "./core/lifecycle.ts";
export { type MigrationState, migrationLifecycle } from "./core/migration-lifecycle.ts";
export { type Cause, type Instance, type JobKind, recoveries } from "./core/model.ts";
export { movePatienceFrom, patienceFrom } from "./core/patience.ts";
