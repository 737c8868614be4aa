/** `organisations`, `projects`, `roles` and `whoami`: where rights are given, and which there are. */

import {
  createOrganisation,
  createProject,
  createProjectIn,
  getMe,
  listOrganisations,
  listProjects,
  listRoles,
} from "@holdfast/cloud/access/api";
import type { OrganisationId } from "@holdfast/kernel/ids";
import { onePage } from "@holdfast/kernel/pages";
import { type Group, listing } from "../group.ts";
import { me, organisationTable, roleTable } from "../text/access.ts";
import { projectTable } from "../text/catalogue.ts";

export const accessGroup: Group = (program, open) => {
  program
    .command("whoami")
    .summary("say who you are, and what you may do")
    .description(getMe.summary)
    .action(async (_, command) => {
      const session = open(command);
      const reply = await session.call(getMe);
      session.show(reply, () => me(reply, session.paint));
    });

  const organisations = listing(
    program,
    "organisations",
    "list organisations, or make one",
    "Lists the organisations that you may see. A role on one is a role on all its projects.",
    async (command) => {
      const session = open(command);
      const reply = await onePage("organisations", (after) =>
        session.call(listOrganisations, { query: { after } }),
      );
      session.show(reply, () => organisationTable(reply, session.now(), session.paint));
    },
  );

  organisations
    .command("create")
    .summary("make an organisation")
    .description(createOrganisation.summary)
    .argument("<name>", "lower-case letters, digits and dashes")
    .action(async (name: string, _, command) => {
      const session = open(command);
      const reply = await session.call(createOrganisation, { body: { name } });
      session.show(
        reply,
        () =>
          `Organisation ${name} is made. Next: holdfast members set NAME owner --organisation ${name}`,
      );
    });

  const projects = listing(
    program,
    "projects",
    "list projects, or make one",
    "Lists the projects that you may see. Instances of different projects do not see each other.",
    async (command) => {
      const session = open(command);
      const reply = await onePage("projects", (after) =>
        session.call(listProjects, { query: { after } }),
      );
      session.show(reply, () => projectTable(reply.projects, session.now(), session.paint));
    },
  );

  projects
    .command("create")
    .summary("make a project")
    .description(createProject.summary)
    .argument("<name>", "lower-case letters, digits and dashes")
    .option("--organisation <organisation>", "whose it is; without, the one called default")
    .action(async (name: string, { organisation }: { organisation?: string }, command) => {
      const session = open(command);
      const body = { name };
      const params = { organisation: (organisation ?? "") as OrganisationId }; // By name.
      const reply =
        organisation === undefined
          ? await session.call(createProject, { body })
          : await session.call(createProjectIn, { params, body });
      session.show(
        reply,
        () => `Project ${reply.name} is made. Use it: holdfast --project ${reply.name} run`,
      );
    });

  program
    .command("roles")
    .summary("list roles, and what each allows")
    .description(listRoles.summary)
    .action(async (_, command) => {
      const session = open(command);
      const reply = await session.call(listRoles);
      session.show(reply, () => roleTable(reply, session.paint));
    });
};
