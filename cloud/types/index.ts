/** Instance types: the sizes that instances come in. */
export type { TypeView } from "./api.ts";
