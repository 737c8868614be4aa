/** Settings: every limit and deadline of the platform. */
export { definitions } from "./core/definitions.ts";
export { type Settings, settingsFrom } from "./core/values.ts";
