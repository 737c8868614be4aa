/** What a process wires together to have a fleet. For apps/ only. */
export { type Authority, type Identity, makeSigningRequest, openAuthority } from "./authority.ts";
export type { Again, Hello, Known, Purge, Report, Socket, Welcome } from "./connection.ts";
export { enrolment } from "./enrolment.ts";
export { ensureDefaultPlace, findHostRow } from "./fleet.ts";
export { lookAtGuests } from "./guests.ts";
export type { HubDeps } from "./hearing.ts";
export { type Hub, openHub } from "./hub.ts";
export { hostLeases, type Leases, type Renewal } from "./leases.ts";
export { hostRoutes } from "./routes.ts";
export { type VitalNotes, vitalNotes } from "./vitals.ts";
