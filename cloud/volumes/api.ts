/** What the world may ask about volumes, snapshots and backups. Pure declarations; edge/routes.ts answers them. */
export * from "./api/backups.ts";
export * from "./api/encryption.ts";
export * from "./api/snapshots.ts";
export * from "./api/volumes.ts";
export { Limits } from "./api/words.ts";
