/** What a process wires together to know how things are. For apps/ and other edges. */
export { signature } from "./actions.ts";
export { type StatusChecks, statusChecks } from "./checks.ts";
export { checkTroubles, hostTroubles, instanceTroubles, type NamedSource } from "./health.ts";
export { type Measures, measure, recoveryBounds } from "./measures.ts";
export { checkRoutes } from "./routes.ts";
export { loadStatuses, type Status } from "./statuses.ts";
