/** Settings: every limit and deadline of the platform. */
export { definitions } from "./core/definitions.ts";
export { type SettingName, type Settings, settingNames, settingsFrom } from "./core/values.ts";
