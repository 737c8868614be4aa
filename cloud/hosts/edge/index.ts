/** What a process wires together to have a fleet. For apps/ only. */
export { type Authority, type Identity, makeSigningRequest, openAuthority } from "./authority.ts";
export { enrolment } from "./enrolment.ts";
export { admit, ensureDefaultPlace, findHostRow, listHostRows } from "./fleet.ts";
export { type Hello, type Hub, openHub, type Report, type Socket, type Welcome } from "./hub.ts";
export { hostLeases, type Leases } from "./leases.ts";
export { hostRoutes } from "./routes.ts";
