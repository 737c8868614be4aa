/** Settings: every limit and deadline of the platform. */
export {
  definitions,
  type SettingName,
  type Settings,
  settingNames,
  settingsFrom,
} from "./core/definitions.ts";
