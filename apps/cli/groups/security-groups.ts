/** `groups`: security groups, what they let pass, and who is in them. */

import {
  addRules,
  createGroup,
  deleteGroup,
  type GroupView,
  getGroup,
  listGroups,
  removeRules,
  setInstanceGroups,
} from "@holdfast/cloud/networks/api";
import { onePage } from "@holdfast/kernel/pages";
import { problem } from "@holdfast/kernel/problem";
import type { Command } from "commander";
import { type Group, listing } from "../group.ts";
import { list } from "../options.ts";
import {
  isSame,
  peer,
  requestOf,
  rulesOf,
  type Sides,
  type TypedRule,
  what,
} from "../rule-words.ts";
import type { Session } from "../session.ts";
import { groupDetails, groupTable, peerOf, whatOf } from "../text/networks.ts";

type Whats = Parameters<typeof rulesOf>[0];

export const securityGroupsGroup: Group = (program, open) => {
  const groups = listing(
    program,
    "groups",
    "list security groups, or change them",
    "Lists the security groups of the project. Whoever is in one may be reached only as the rules of its groups say.",
    async (command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const reply = await onePage("groups", (after) =>
        session.call(listGroups, { params, query: { after } }),
      );
      session.show(reply, () =>
        reply.groups.length > 0
          ? groupTable(reply.groups, session.paint)
          : `No security groups in project ${params.project}. Make one: holdfast groups create`,
      );
    },
  );

  groups
    .command("create")
    .summary("make a security group")
    .description(createGroup.summary)
    .argument("<name>", "a new name")
    .option("--description <text>", "what it is for")
    .action(async (name: string, { description }: { description?: string }, command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const reply = await session.call(createGroup, { params, body: { name, description } });
      session.show(reply, () => groupDetails(reply, session.paint));
      session.note(`\nnext: holdfast groups allow ${reply.name} tcp:22 --from 10.0.0.0/8`);
    });

  groups
    .command("show")
    .summary("show a security group and its rules")
    .description("Shows a security group: its rules, and who is in it.")
    .argument("<security-group>", "its name or id")
    .action(async (group: string, _, command) => {
      const session = open(command);
      const reply = await present(session, group);
      session.show(reply, () => groupDetails(reply, session.paint));
    });

  groups
    .command("delete")
    .summary("delete a security group")
    .description(deleteGroup.summary)
    .argument("<security-group>", "its name or id")
    .action(async (group: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, group };
      const reply = await session.named(
        "security-group",
        group,
        session.call(deleteGroup, { params }),
      );
      session.show(reply, () => `${reply.name} is deleted.`);
    });

  ruled(groups.command("allow"), "<what...>")
    .summary("let something pass")
    .description(addRules.summary)
    .addHelpText(
      "after",
      "\nExamples:\n  holdfast groups allow web tcp:80 tcp:443 --from anywhere\n  holdfast groups allow db tcp:5432 --from web",
    )
    .action(async (group: string, whats: Whats, sides: Sides, command) => {
      const rules = rulesIn(command, whats, sides);
      const session = open(command);
      const params = { project: session.options.project, group };
      const asked = session.call(addRules, { params, body: { rules: rules.map(requestOf) } });
      const reply = await session.named("security-group", group, asked);
      session.show(reply, () => groupDetails(reply, session.paint));
    });

  ruled(groups.command("deny"), "[what...]")
    .summary("let something pass no longer")
    .description(
      "Removes rules, named as they were added or by id. What they let pass is cut, also where it is open.",
    )
    .option("--rule <id>", "this one; may be repeated", list)
    .action(
      async (
        group: string,
        whats: Whats | undefined,
        { rule = [], ...sides }: Sides & { readonly rule?: readonly string[] },
        command,
      ) => {
        const asked = rule.length > 0 && !whats?.length ? [] : rulesIn(command, whats ?? [], sides);
        const session = open(command);
        const rules = [...rule];
        if (asked.length > 0) rules.push(...idsOf(await present(session, group), asked));
        const params = { project: session.options.project, group };
        const removed = session.call(removeRules, { params, body: { rules } });
        const reply = await session.named("security-group", group, removed);
        session.show(reply, () => groupDetails(reply, session.paint));
      },
    );

  groups
    .command("set")
    .summary("put an instance into these security groups, and out of all others")
    .description(setInstanceGroups.summary)
    .argument("<instance>", "its name or id")
    .argument("[security-groups...]", "names or ids")
    .option("--none", "out of all: everything may pass")
    .action(async (instance: string, names: string[], { none }: { none?: true }, command) => {
      if (names.length === 0 && !none)
        command.error(
          "error: name the groups, or give --none: without a group everything may pass",
        );
      if (names.length > 0 && none) command.error("error: --none stands alone");
      const session = open(command);
      const params = { project: session.options.project, instance };
      const asked = session.call(setInstanceGroups, { params, body: { groups: names } });
      const reply = await session.named("instance", instance, asked);
      session.show(reply, () =>
        reply.groups.length > 0
          ? `${instance} is in ${reply.groups.join(", ")}.`
          : `${instance} is in no security group: everything may pass.`,
      );
    });
};

/** What `allow` and `deny` have in common: a group, what passes, and the other side. */
const ruled = (command: Command, whats: string) =>
  command
    .argument("<security-group>", "its name or id")
    .argument(whats, "tcp:22, udp:5000-6000, tcp, icmp or any", what)
    .option("--from <peer>", "coming in from: anywhere, an address, a network or a group", peer)
    .option("--to <peer>", "going out to", peer);

function rulesIn(command: Command, whats: Whats, sides: Sides): readonly TypedRule[] {
  const rules = rulesOf(whats, sides);
  if (rules.length > 0) return rules;
  const isNothing = whats.length === 0;
  return command.error(
    isNothing
      ? "error: say what: tcp:22, udp:5000-6000, tcp, icmp or any"
      : "error: say from where or to where: --from anywhere, --from 10.0.0.0/8, --from GROUP, --to …",
  );
}

function present(session: Session, group: string) {
  const params = { project: session.options.project, group };
  return session.named("security-group", group, session.call(getGroup, { params }));
}

function idsOf({ name, rules }: GroupView, asked: readonly TypedRule[]): readonly string[] {
  return asked.map((one) => {
    const found = rules.find((rule) => isSame(rule, one));
    if (found) return found.id;
    const way = one.direction === "ingress" ? "from" : "to";
    throw problem(
      "not_found",
      "rule_not_found",
      `${name} has no rule for ${whatOf(one)} ${way} ${peerOf(one)}.`,
      { fix: `See what it has: holdfast groups show ${name}` },
    );
  });
}
