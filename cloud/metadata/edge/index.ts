/** The metadata service's edge, for whoever wires an agent or a manager. */
export { signedTokens } from "./tokens.ts";
export { type MetadataWatch, metadataWatch } from "./watch.ts";
