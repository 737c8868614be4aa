/** `quotas`: how much a project may have. */

import type { Resource } from "@holdfast/cloud/quotas";
import { listQuotas, setQuota } from "@holdfast/cloud/quotas/api";
import { type Group, listing } from "../group.ts";
import { whole } from "../options.ts";
import { quotaTable } from "../text/quotas.ts";

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
};
