/** `quotas` and `required-tags`: how much a project may have, and what must be said of what is made in it. */

import type { Resource } from "@holdfast/cloud/quotas";
import {
  listQuotas,
  listRequiredTags,
  type RequiredTagView,
  setOrganisationRequiredTags,
  setQuota,
  setRequiredTags,
} from "@holdfast/cloud/quotas/api";
import type { OrganisationId } from "@holdfast/kernel/ids";
import { type Group, listing } from "../group.ts";
import { whole } from "../options.ts";
import { quotaTable, requiredTagTable } from "../text/quotas.ts";

export const quotasGroup: Group = (program, open) => {
  const quotas = listing(
    program,
    "quotas",
    "list what the project has and may have, or change that",
    "Lists how much of everything the project has, and how much it may have.",
    async (command) => {
      const session = open(command);
      const reply = await session.call(listQuotas, {
        params: { project: session.options.project },
      });
      session.show(reply, () => quotaTable(reply.quotas, session.paint));
    },
  );

  quotas
    .command("set")
    .summary("limit something")
    .description(setQuota.summary)
    .argument("<resource>", "as `quotas` lists it")
    .argument("<most>", "how much the project may have of it", whole)
    .action((resource: string, most: number, _, command) => change(command, resource, most));

  quotas
    .command("reset")
    .summary("limit something no more")
    .description("As much of it as there is.")
    .argument("<resource>", "as `quotas` lists it")
    .action((resource: string, _, command) => change(command, resource, null));

  async function change(command: Parameters<typeof open>[0], name: string, most: number | null) {
    const session = open(command);
    const { project } = session.options;
    const resource = name as Resource; // The manager knows which there are.
    const reply = await session.call(setQuota, { body: { project, resource, most } });
    session.show(reply, () => quotaTable([reply], session.paint));
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
