/** Audit: who asked for what, and what became of it. What other capabilities may use. */
export { type AuditEntry, decisionOf, type Who } from "./core/entry.ts";
