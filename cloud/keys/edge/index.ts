/** The keys capability's edge, for other edges and for whoever wires a process. */
export { findKeys } from "./keys.ts";
export { keyRoutes } from "./routes.ts";
