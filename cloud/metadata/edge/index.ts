/** The metadata service's edge, for whoever wires an agent. */
export { signedTokens } from "./tokens.ts";
