/** The journal's edge: for whoever wires a manager, and for who asks what a request has changed. */
export { changesOf } from "./changes.ts";
export { journalRoutes } from "./routes.ts";
