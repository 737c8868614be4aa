/** Audit: who asked for what, and what became of it. What other capabilities may use. */
export type { Who } from "./core/entry.ts";
