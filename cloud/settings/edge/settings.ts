/**
 * The settings as one manager sees them, kept up to date by news, and the answers to ../api.ts.
 */
import { problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import { changeSetting, listSettings } from "../api.ts";
import { definitions } from "../core/definitions.ts";
import { type SettingName, type Settings, settingNames, settingsFrom } from "../core/values.ts";

export interface LiveSettings {
  /** As of now. Do not keep it. */
  current(): Settings;
  reload(): Promise<void>;
}

export async function liveSettings(database: Database): Promise<LiveSettings> {
  let settings = settingsFrom(new Map());
  const reload = async () => {
    const rows = await database.query<{ name: string; value: unknown }>(
      "select name, value from setting",
    );
    settings = settingsFrom(new Map(rows.map(({ name, value }) => [name, value])));
  };
  await reload();
  return { current: () => settings, reload };
}

interface Deps {
  readonly database: Database;
  readonly settings: LiveSettings;
  readonly clock: Clock;
  readonly self: string;
}

export function settingRoutes({ database, settings, clock, self }: Deps) {
  const view = (name: SettingName) => {
    const { byDefault, unit, meaning } = definitions[name];
    const value = settings.current()[name];
    return { name, value, default: byDefault, unit, meaning, isDefault: value === byDefault };
  };
  return {
    listSettings: handle(listSettings, async () => ({ settings: settingNames.map(view) })),
    changeSetting: handle(changeSetting, async ({ params, body, caller, requestId }) => {
      const name = settingNames.find((known) => known === params.name);
      if (!name) throw unknown(params.name);
      const { shape, byDefault, unit } = definitions[name];
      const parsed = body.value === null ? undefined : shape.safeParse(body.value);
      if (parsed && !parsed.success) {
        const reason = parsed.error.issues.map(({ message }) => message).join("; ");
        throw problem("invalid", "setting_out_of_range", `${name} (${unit}): ${reason}.`, {
          fix: `The default is ${byDefault}: holdfast settings set ${name} ${byDefault}`,
          faults: [{ field: "body.value", reason }],
        });
      }
      await database.transaction(async (sql) => {
        if (!parsed) await sql.query("delete from setting where name = $1", [name]);
        else
          await sql.query(
            `insert into setting (name, value, changed_by) values ($1, $2, $3)
             on conflict (name) do update set value = excluded.value, changed_at = now(), changed_by = excluded.changed_by`,
            [name, JSON.stringify(parsed.data), caller.name],
          );
        const detail = { name, before: settings.current()[name], value: parsed?.data ?? byDefault };
        await appendJournal(sql, [
          {
            at: clock.now(),
            kind: "setting",
            subject: nobody,
            event: "changed",
            actor: caller.name,
            requestId,
            detail,
          },
        ]);
        await announce(sql, { from: self, settings: true });
      });
      await settings.reload();
      return view(name);
    }),
  };
}

/** Settings have no identity of their own; the journal names them in the detail. */
const nobody = "00000000-0000-0000-0000-000000000000";

const unknown = (name: string) =>
  problem("not_found", "setting_not_found", `There is no setting ${name}.`, {
    fix: "See them all: holdfast settings",
  });
