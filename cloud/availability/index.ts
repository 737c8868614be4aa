/** Availability: proof that a host is dead, and what follows. What other capabilities may use. */
export { brake } from "./core/brake.ts";
export { coverOf, meaningOf, type Proof, proofs } from "./core/certificate.ts";
export { watchdogBound } from "./core/fencing.ts";
