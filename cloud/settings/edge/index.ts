/** What a process wires together to have settings. For apps/ only. */
export { type LiveSettings, liveSettings, settingRoutes } from "./settings.ts";
