/** Images: what instances are started from. What other capabilities and the agents may use. */
export { BuildWord, type Built, recipes } from "./core/building.ts";
export { blobsOf, Digest, Manifest } from "./core/manifest.ts";
