/** The networks capability's edge, for other edges and for whoever wires a process. */
export {
  allotNics,
  type Connection,
  findConnections,
  type GivenNic,
  insertNics,
  type NewNic,
  nicsOf,
  nicViews,
  releaseNics,
} from "./nics.ts";
export { networkRoutes } from "./routes.ts";
export { networkTroubles } from "./troubles.ts";
export { type NetworkWatch, networkWatch } from "./watch.ts";
