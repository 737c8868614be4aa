/** The events capability's edge, for other edges and for whoever wires a process. */
export type { Movers } from "./movers.ts";
export { eventRoutes } from "./routes.ts";
export { eventTroubles } from "./troubles.ts";
export { eventWatch } from "./watch.ts";
export { rehearsals } from "./worksites.ts";
