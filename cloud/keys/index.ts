/** Keys: SSH public keys that a project puts into its guests. What other capabilities may use. */
export { KeyParam } from "./api.ts";
