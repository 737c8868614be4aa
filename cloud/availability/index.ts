/** Availability: proof that a host is dead, and what follows. What other capabilities may use. */
export { type Braked, brake } from "./core/brake.ts";
export {
  coverOf,
  type FenceCertificate,
  meaningOf,
  type Proof,
  proofs,
} from "./core/certificate.ts";
export { type FencingRules, watchdogBound } from "./core/fencing.ts";
