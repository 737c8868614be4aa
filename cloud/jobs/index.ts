/** Jobs: what came of a command. */
export type { JobView } from "./api.ts";
