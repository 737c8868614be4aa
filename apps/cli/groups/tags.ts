/** `tags` and `required-tags`: words of users on their things, and which there must be. */
import { type Taggable, taggableKinds } from "@holdfast/cloud/tags";
import {
  changeTags,
  listRequiredTags,
  type RequiredTagView,
  setOrganisationRequiredTags,
  setRequiredTags,
} from "@holdfast/cloud/tags/api";
import type { OrganisationId } from "@holdfast/kernel/ids";
import { Argument, type Command } from "commander";
import { type Group, listing } from "../group.ts";
import { tag } from "../options.ts";
import { requiredTagTable, tagTable } from "../text/tags.ts";

export const tagsGroup: Group = (program, open) => {
  const tags = program
    .command("tags")
    .summary("change the tags on something")
    .description(
      "Changes the tags on an instance, a volume or another thing. They are shown where it is shown: holdfast show, holdfast list --tag KEY=VALUE.",
    )
    .helpCommand(false);
  const what = () => new Argument("<kind>", "what it is").choices(taggableKinds);

  tags
    .command("set")
    .summary("put tags on something, or change them")
    .description("Puts tags on something, or changes their values. The others stay.")
    .addArgument(what())
    .argument("<name>", "its name or id; of an address, itself")
    .argument("<tags...>", "KEY=VALUE")
    .addHelpText("after", "\nExample:\n  holdfast tags set instance web owner=ada stage=live")
    .action((of: Taggable, name: string, words: string[], _, command) =>
      change(command, of, name, { set: words.reduce((all, word) => tag(word, all), {}) }),
    );

  tags
    .command("remove")
    .summary("take tags from something")
    .description("Takes tags from something, whatever their values.")
    .addArgument(what())
    .argument("<name>", "its name or id; of an address, itself")
    .argument("<keys...>", "KEY")
    .action((of: Taggable, name: string, keys: string[], _, command) =>
      change(command, of, name, { remove: keys }),
    );

  async function change(
    command: Command,
    kind: Taggable,
    thing: string,
    what: { readonly set?: Record<string, string>; readonly remove?: string[] },
  ) {
    const session = open(command);
    const params = { project: session.options.project };
    const body = { kind, thing, ...what };
    const reply = await session.call(changeTags, { params, body });
    session.show(reply, () => tagTable(reply.tags, session.paint));
  }

  const required = listing(
    program,
    "required-tags",
    "list the tags without which nothing is made, or set them",
    "Lists the tags that instances, volumes and snapshots of the project must be made with, those of its organisation among them.",
    async (command) => {
      const session = open(command);
      const { project } = session.options;
      const reply = await session.call(listRequiredTags, { params: { project } });
      session.show(reply, () =>
        reply.tags.length > 0
          ? requiredTagTable(reply.tags, session.paint)
          : `Project ${project} asks for no tags. Ask for one: holdfast required-tags set owner`,
      );
    },
  );

  required
    .command("set")
    .summary("ask for these tags and no others")
    .description(setRequiredTags.summary)
    .argument(
      "[tags...]",
      "owner, or stage=test,live where only some values will do; none: no tags",
    )
    .option("--organisation <organisation>", "in all its projects")
    .action(async (words: string[], { organisation }: { organisation?: string }, command) => {
      const session = open(command);
      const body = { tags: words.map(requirementOf) };
      const { project } = session.options;
      const reply =
        organisation === undefined
          ? await session.call(setRequiredTags, { params: { project }, body })
          : await session.call(setOrganisationRequiredTags, {
              params: { organisation: organisation as OrganisationId }, // By name.
              body,
            });
      session.show(reply, () =>
        reply.tags.length > 0
          ? requiredTagTable(reply.tags, session.paint)
          : "No tags are asked for.",
      );
    });
};

function requirementOf(word: string): RequiredTagView {
  const [, key = word, values] = /^([^=]+)=(.*)$/.exec(word) ?? [];
  return { key, allowed: values ? values.split(",") : null };
}
