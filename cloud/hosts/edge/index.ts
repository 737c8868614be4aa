/** What a process wires together to have a fleet. For apps/ only. */
export { type Authority, type Identity, makeSigningRequest, openAuthority } from "./authority.ts";
export { enrolment } from "./enrolment.ts";
export { ensureDefaultPlace, findHostRow } from "./fleet.ts";
export { lookAtGuests } from "./guests.ts";
export {
  type Again,
  type Hello,
  type Hub,
  type HubDeps,
  type Known,
  openHub,
  type Purge,
  type Report,
  type Socket,
  type Welcome,
} from "./hub.ts";
export { hostLeases, type Leases, type Renewal } from "./leases.ts";
export { hostRoutes } from "./routes.ts";
export { type VitalNotes, vitalNotes } from "./vitals.ts";
