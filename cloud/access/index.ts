/** Access: who may do what. What other capabilities may use. */
export { mayDo, type Place, seesPlatform } from "./core/may-do.ts";
export { type RoleName, roleNames, roles } from "./core/roles.ts";
