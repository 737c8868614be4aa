/** `list` and `show`: how instances are. `protect`, `metadata` and `retype`: what is changed about them at once. */

import { everyPage } from "@holdfast/client/pages";
import { lifecycle } from "@holdfast/cloud/instances";
import {
  changeInstanceType,
  changeMetadata,
  getInstance,
  type InstanceView,
  listInstances,
  protectInstance,
} from "@holdfast/cloud/instances/api";
import { type MetadataTokens, metadataTokens } from "@holdfast/cloud/metadata";
import { Option } from "commander";
import type { Group } from "../group.ts";
import { whole } from "../options.ts";
import type { Session } from "../session.ts";
import { instanceDetails, instanceTable, metadataWords } from "../text/instances.ts";

interface MetadataWords {
  readonly tokens?: MetadataTokens;
  readonly hops?: number;
  readonly on?: true;
  readonly off?: true;
}

interface ListOptions {
  readonly state?: InstanceView["state"];
  readonly host?: string;
  readonly tag?: string;
  readonly all?: true;
}

export const instancesGroup: Group = (program, open) => {
  program
    .command("list")
    .alias("ls")
    .summary("list instances")
    .description("Lists the instances of the project, oldest first.")
    .addOption(new Option("--state <state>", "only those in this state").choices(lifecycle.states))
    .option("--host <host>", "only those on this host")
    .option("--tag <key=value>", "only those with this tag; KEY: whatever its value")
    .option("--all", "also those that are expunged")
    .action(async (options: ListOptions, command) => {
      const session = open(command);
      const { state, host, tag, all } = options;
      const instances = await everyInstance(session, { state, host, tag });
      if (all && !state)
        instances.push(...(await everyInstance(session, { state: "expunged", host, tag })));
      session.show({ instances, next: null }, () =>
        instances.length > 0
          ? instanceTable(instances, session.now(), session.paint)
          : `No instances${state || host || tag ? " like that" : ""} in project ${session.options.project}. Make one: holdfast run`,
      );
    });

  program
    .command("show")
    .summary("show everything about an instance")
    .description("Shows an instance: its state, what is under way, until when, and why it is so.")
    .argument("<instance>", "its name or id")
    .action(async (instance: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, instance };
      const reply = await session.named(
        "instance",
        instance,
        session.call(getInstance, { params }),
      );
      session.show(reply, () => instanceDetails(reply, session.now(), session.paint));
    });

  program
    .command("protect")
    .summary("refuse to destroy an instance")
    .description("Refuses to destroy an instance until the protection is taken off.")
    .argument("<instance>", "its name or id")
    .option("--off", "allow it again")
    .action(async (instance: string, { off }: { off?: true }, command) => {
      const session = open(command);
      const params = { project: session.options.project, instance };
      const asked = session.call(protectInstance, { params, body: { isProtected: !off } });
      const reply = await session.named("instance", instance, asked);
      session.show(
        reply,
        () => `${reply.name} is ${reply.isProtected ? "" : "no longer "}protected.`,
      );
    });

  program
    .command("metadata")
    .summary("change whether and how a guest is answered about its metadata")
    .description(`${changeMetadata.summary} Without an option, shows it.`)
    .argument("<instance>", "its name or id")
    .addOption(
      new Option("--tokens <whether>", "required: without a token it is not answered").choices(
        metadataTokens,
      ),
    )
    .option("--hops <n>", "how many hops answers to one that needs a token reach", whole)
    .option("--off", "it is not answered at all")
    .option("--on", "it is answered")
    .action(async (instance: string, { tokens, hops, off, on }: MetadataWords, command) => {
      if (off && on) command.error("error: --on and --off exclude each other");
      const session = open(command);
      const params = { project: session.options.project, instance };
      const isOn = off || on ? { metadata: off ? ("off" as const) : ("on" as const) } : {};
      const body = { ...isOn, metadataTokens: tokens, metadataHops: hops };
      const asked = Object.values(body).every((one) => one === undefined)
        ? session.call(getInstance, { params })
        : session.call(changeMetadata, { params, body });
      const reply = await session.named("instance", instance, asked);
      session.show(reply, () => `The guest of ${reply.name} is answered ${metadataWords(reply)}.`);
    });

  program
    .command("retype")
    .summary("give a stopped instance another type")
    .description(changeInstanceType.summary)
    .argument("<instance>", "its name or id")
    .argument("<type>", "one of `holdfast types`")
    .addHelpText("after", "\nExample:\n  holdfast stop web --wait && holdfast retype web small")
    .action(async (instance: string, type: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, instance };
      const asked = session.call(changeInstanceType, { params, body: { type } });
      const reply = await session.named("instance", instance, asked);
      session.show(reply, () => `${reply.name} will be started as ${reply.type}.`);
    });
};

/** A thousand at a time is what the manager gives at most. */
function everyInstance(
  session: Session,
  filter: Readonly<Record<"host" | "tag", string | undefined>> & {
    readonly state: ListOptions["state"];
  },
): Promise<InstanceView[]> {
  const params = { project: session.options.project };
  return everyPage(
    (after) => session.call(listInstances, { params, query: { ...filter, limit: 1_000, after } }),
    ({ instances }) => instances,
  );
}
