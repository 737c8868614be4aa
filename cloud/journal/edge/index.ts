/** The journal's edge, for whoever wires a manager. */
export { journalRoutes } from "./routes.ts";
