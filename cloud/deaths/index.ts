/** Deaths: why instances ended. The taxonomy of causes lives here, and nowhere else. */
export type { Finding, Missing, Source } from "./core/certificate.ts";
export { clueNames, clues } from "./core/clues.ts";
export type { Asked, Evidence, Fence } from "./core/evidence.ts";
export { inquest } from "./core/inquest.ts";
export { rules } from "./core/rules.ts";
export {
  askedFor,
  type CauseClass,
  causeClasses,
  type Meaning,
  meaningOf,
  type Recovery,
  taxonomy,
} from "./core/taxonomy.ts";
