/** What a process wires together to keep and to tell deaths. For apps/ and other edges. */
export { briefOf, deathCounts, lastDeathOf } from "./reads.ts";
export { deathRoutes } from "./routes.ts";
export {
  amendDeaths,
  type Certified,
  certify,
  type DeathDetail,
  type End,
  insertDeaths,
} from "./write.ts";
