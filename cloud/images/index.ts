/** Images: what instances are started from. What other capabilities and the agents may use. */
export { blobsOf, Digest, Manifest } from "./core/manifest.ts";
