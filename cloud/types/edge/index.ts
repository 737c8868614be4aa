/** What a process wires together to have instance types. */
export { findType, saveType, typeRoutes } from "./types.ts";
