/** The settings as they are in force: a value for each definition, whatever was set. */
import { definitions, type Planner, type Reach } from "./definitions.ts";

export type SettingName = keyof typeof definitions;
export type Settings = {
  readonly [N in SettingName]: (typeof definitions)[N]["byDefault"] extends infer T
    ? Widened<T>
    : never;
};
type Widened<T> = T extends number
  ? number
  : T extends Planner
    ? Planner
    : T extends Reach
      ? Reach
      : T extends string
        ? string
        : T;

export const settingNames = Object.keys(definitions) as SettingName[];

/** The defaults, with what was set on top. What no longer fits its definition falls back to the default. */
export function settingsFrom(set: ReadonlyMap<string, unknown>): Settings {
  const pairs = settingNames.map((name) => {
    const { shape, byDefault } = definitions[name];
    const parsed = shape.safeParse(set.get(name));
    return [name, parsed.success ? parsed.data : byDefault];
  });
  return Object.fromEntries(pairs) as Settings; // Every name has a value of its own shape.
}
