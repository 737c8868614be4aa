/** `settings`: every limit and deadline of the platform. */
import { changeSetting, listSettings } from "@holdfast/cloud/settings/api";
import { type Group, listing } from "../group.ts";
import { settingTable } from "../text/catalogue.ts";

export const settingsGroup: Group = (program, open) => {
  const settings = listing(
    program,
    "settings",
    "list settings, or change them",
    "Lists every limit and deadline, with its value, default, unit and meaning.",
    async (command) => {
      const session = open(command);
      const reply = await session.call(listSettings);
      const columns = session.world.stdout.columns ?? 160;
      session.show(reply, () => settingTable(reply.settings, columns, session.paint));
    },
  );

  settings
    .command("set")
    .summary("change a setting, without a restart")
    .description("Changes a setting. Every manager uses the new value from its next look on.")
    .argument("<setting>", "its name")
    .argument("<value>", "a number, or a name where the setting takes one")
    .action(async (name: string, value: string, _, command) => {
      const isNumber = value.trim() !== "" && Number.isFinite(Number(value));
      await change(command, name, isNumber ? Number(value) : value);
    });

  settings
    .command("reset")
    .summary("restore the default of a setting")
    .description("Restores the default of a setting.")
    .argument("<setting>", "its name")
    .action((name: string, _, command) => change(command, name, null));

  async function change(
    command: Parameters<typeof open>[0],
    name: string,
    value: number | string | null,
  ) {
    const session = open(command);
    const asked = session.call(changeSetting, { params: { name }, body: { value } });
    const reply = await session.named("setting", name, asked);
    session.show(
      reply,
      () =>
        `${reply.name} is ${reply.value} ${reply.unit}${reply.isDefault ? " (the default)" : ""}.`,
    );
  }
};
