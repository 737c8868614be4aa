/** What a process wires together to run instances. For apps/ and other edges. */
export { cancelRoutes } from "./cancel.ts";
export { findWaiting } from "./due.ts";
export { type GivenErrand, giveErrands, remind, takeBackErrands } from "./errands.ts";
export { type Guest, guestsOf } from "./guests.ts";
export type { HostOrders } from "./host-orders.ts";
export { unknownReports } from "./known.ts";
export { migrationRoutes } from "./migration-routes.ts";
export { leftoversOn, settleDepartures, writeProgress } from "./migration-rows.ts";
export { bytesFromMbps } from "./migration-views.ts";
export type { MoveDefaults } from "./moves.ts";
export type { Done } from "./pass.ts";
export { isKeyReused } from "./repeats.ts";
export {
  type MigrationDeps,
  type MigrationRequest,
  requestMigration,
} from "./request-migration.ts";
export { type HostReader, instanceRoutes, type TraceLine } from "./routes.ts";
export { instanceNotFound } from "./views.ts";
export { wishesForHost } from "./wishes.ts";
export type { HostReport } from "./work.ts";
export { startWorker, type Worker } from "./worker.ts";
