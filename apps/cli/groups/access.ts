/** `projects` and `tokens`: who may ask for what. For operators. */
import { createProject, createToken, listProjects } from "@holdfast/cloud/access/api";
import { type Group, listing } from "../group.ts";
import { projectTable } from "../text/catalogue.ts";

export const accessGroup: Group = (program, open) => {
  const projects = listing(
    program,
    "projects",
    "list projects, or make one",
    "Lists the projects. Instances of different projects do not see each other.",
    async (command) => {
      const session = open(command);
      const reply = await session.call(listProjects);
      session.show(reply, () => projectTable(reply.projects, session.now(), session.paint));
    },
  );

  projects
    .command("create")
    .summary("make a project")
    .description(createProject.summary)
    .argument("<name>", "lower-case letters, digits and dashes")
    .action(async (name: string, _, command) => {
      const session = open(command);
      const reply = await session.call(createProject, { body: { name } });
      session.show(
        reply,
        () => `Project ${reply.name} is made. Use it: holdfast --project ${reply.name} run`,
      );
    });

  program
    .command("tokens")
    .summary("make tokens for the API")
    .description("Tokens for the API.")
    .command("create")
    .summary("make a token; it is shown once")
    .description(createToken.summary)
    .argument("<name>", "whose it is, for logs")
    .option("--project <project>", "the only project it may touch; without, an operator's token")
    .action(async (name: string, { project }: { project?: string }, command) => {
      const session = open(command);
      const body = { name, ...(project !== undefined && { project }) };
      const asked = session.call(createToken, { body });
      const reply = await session.named("project", project ?? "", asked);
      session.show(reply, () => reply.token);
      session.note(
        `It is shown this once. Use it: HOLDFAST_TOKEN=…${reply.project ? ` holdfast --project ${project}` : ""}`,
      );
    });
};
