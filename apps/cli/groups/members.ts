/** `users`, `service-accounts` and `members`: who there is, and who has which role on what. */

import type { RoleName } from "@holdfast/cloud/access";
import {
  changeAccount,
  createAccount,
  createServiceAccount,
  listAccounts,
  listMembers,
  listOrganisationMembers,
  listProjectMembers,
  listServiceAccounts,
  putMember,
  putOrganisationMember,
  putProjectMember,
  removeMember,
  removeOrganisationMember,
  removeProjectMember,
  resetPassword,
} from "@holdfast/cloud/access/api";
import type { OrganisationId } from "@holdfast/kernel/ids";
import { onePage } from "@holdfast/kernel/pages";
import type { Command } from "commander";
import { type Group, listing } from "../group.ts";
import type { Session } from "../session.ts";
import { accountTable, memberTable } from "../text/access.ts";

/** What a role is on. */
interface On {
  readonly organisation?: string;
  readonly platform?: boolean;
}

export const membersGroup: Group = (program, open) => {
  const users = listing(
    program,
    "users",
    "list accounts, or make one or shut one out",
    "Lists all accounts: people, and programs. For owners of the platform.",
    async (command) => {
      const session = open(command);
      const reply = await onePage("accounts", (after) =>
        session.call(listAccounts, { query: { after } }),
      );
      session.show(reply, () => accountTable(reply.accounts, session.now(), session.paint));
    },
  );

  users
    .command("create")
    .summary("make an account for a person")
    .description(createAccount.summary)
    .argument("<name>", "for example ada or ada@example.org")
    .action(async (name: string, _, command) => {
      const session = open(command);
      const reply = await session.call(createAccount, { body: { name } });
      session.show(
        reply,
        () =>
          `${name} is known. Next: holdfast --project PROJECT members set ${name} developer, holdfast users password ${name}`,
      );
    });

  for (const [word, isDisabled, says] of [
    ["disable", true, "is shut out"],
    ["enable", false, "may come in again"],
  ] as const)
    users
      .command(word)
      .summary(isDisabled ? "shut an account out, at once" : "let an account in again")
      .description(changeAccount.summary)
      .argument("<name>", "whose it is")
      .action(async (name: string, _, command) => {
        const session = open(command);
        const params = { account: name };
        const reply = await session.call(changeAccount, { params, body: { isDisabled } });
        session.show(reply, () => `${reply.name} ${says}.`);
      });

  users
    .command("password")
    .summary("give somebody a password; it is shown once")
    .description(resetPassword.summary)
    .argument("<name>", "to whom")
    .action(async (name: string, _, command) => {
      const session = open(command);
      const reply = await session.call(resetPassword, { params: { account: name }, body: {} });
      session.show(reply, () => reply.password);
      session.note(`\nShown this once. ${name} can change it: holdfast password FILE`);
    });

  const programs = listing(
    program,
    "service-accounts",
    "list the programs of the project, or add one",
    "Lists the accounts of programs that may ask in the name of the project.",
    async (command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const reply = await onePage("accounts", (after) =>
        session.call(listServiceAccounts, { params, query: { after } }),
      );
      session.show(reply, () =>
        reply.accounts.length > 0
          ? accountTable(reply.accounts, session.now(), session.paint)
          : `No programs in project ${params.project}. Add one: holdfast service-accounts create NAME ROLE`,
      );
    },
  );

  programs
    .command("create")
    .summary("add a program, with a role on the project")
    .description(createServiceAccount.summary)
    .argument("<name>", "lower-case letters, digits and dashes")
    .argument("<role>", "see `roles`")
    .action(async (name: string, role: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const body = { name, role: role as RoleName }; // The manager knows which there are.
      const reply = await session.call(createServiceAccount, { params, body });
      session.show(
        reply,
        () => `${reply.name} is known. Next: holdfast keys create NAME --for ${reply.name}`,
      );
    });

  const members = onWhat(
    listing(
      program,
      "members",
      "list who has which role, or give or take one",
      "Lists who has which role on the project, on an organisation, or on the platform.",
      async (command) => {
        const session = open(command);
        const { organisation, platform } = command.opts<On>();
        const reply = await onePage("members", (after) =>
          platform
            ? session.call(listMembers, { query: { after } })
            : organisation === undefined
              ? session.call(listProjectMembers, { params: inProject(session), query: { after } })
              : session.call(listOrganisationMembers, {
                  params: { organisation },
                  query: { after },
                }),
        );
        session.show(reply, () =>
          reply.members.length > 0
            ? memberTable(reply.members, session.now(), session.paint)
            : "Nobody has a role on just that. Roles further up count as well: --organisation, --platform.",
        );
      },
    ),
  );

  onWhat(
    members
      .command("set")
      .summary("give a role")
      .description(putProjectMember.summary)
      .argument("<account>", "to whom")
      .argument("<role>", "see `roles`"),
  ).action(async (account: string, role: string, on: On, command: Command) => {
    const session = open(command);
    const body = { role: role as RoleName }; // The manager knows which there are.
    const reply = on.platform
      ? await session.call(putMember, { params: { account }, body })
      : on.organisation === undefined
        ? await session.call(putProjectMember, { params: { ...inProject(session), account }, body })
        : await session.call(putOrganisationMember, { params: { ...of(on), account }, body });
    session.show(reply, () => `${reply.account} is ${reply.role} of ${whatOf(session, on)}.`);
  });

  onWhat(
    members
      .command("remove")
      .summary("take a role")
      .description(removeProjectMember.summary)
      .argument("<account>", "from whom"),
  ).action(async (account: string, on: On, command: Command) => {
    const session = open(command);
    const reply = on.platform
      ? await session.call(removeMember, { params: { account } })
      : on.organisation === undefined
        ? await session.call(removeProjectMember, { params: { ...inProject(session), account } })
        : await session.call(removeOrganisationMember, { params: { ...of(on), account } });
    session.show(
      reply,
      () => `${reply.account} is no longer ${reply.role} of ${whatOf(session, on)}.`,
    );
  });
};

const onWhat = (command: Command) =>
  command
    .option("--organisation <organisation>", "on an organisation and all its projects")
    .option("--platform", "on everything");

const inProject = (session: Session) => ({ project: session.options.project });
const of = ({ organisation = "" }: On) => ({ organisation: organisation as OrganisationId }); // By name.

const whatOf = (session: Session, { platform, organisation }: On) =>
  platform
    ? "the platform"
    : organisation
      ? `organisation ${organisation}`
      : `project ${session.options.project}`;
