/** What a process or a simulator wires together to watch over what always holds. */
export { openMonitor } from "./monitor.ts";
export { invariantCounts, invariantRoutes } from "./routes.ts";
export { type InvariantWatch, invariantTroubles, invariantWatch } from "./watch.ts";
