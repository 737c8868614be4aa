/** What a process wires together to write down who asked for what. For apps/ only. */
export { type AuditLog, auditLog } from "./recorder.ts";
export { auditRoutes, forgetAudit } from "./routes.ts";
