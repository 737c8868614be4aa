/** What a process wires together to know its callers. For apps/ only. */
export { type Access, access, accessRoutes, ensureDefaultProject, saveToken } from "./access.ts";
