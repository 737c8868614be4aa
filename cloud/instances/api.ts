/** What the world may ask about instances. Pure declarations; edge/routes.ts answers them. */
export * from "./api/commands.ts";
export * from "./api/history.ts";
export * from "./api/instances.ts";
export * from "./api/run.ts";
export { CauseView, InstanceView, Name } from "./api/words.ts";
