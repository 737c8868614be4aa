/** `hosts`: the fleet, and what its operators want of it. */
import { changeHost, createJoinToken, listHosts, revokeHost } from "@holdfast/cloud/hosts/api";
import { Option } from "commander";
import { type Group, listing } from "../group.ts";
import { list, whole } from "../options.ts";
import { hostTable } from "../text/fleet.ts";
import { relative } from "../text/words.ts";

interface SetOptions {
  readonly mode?: "enabled" | "draining" | "maintenance";
  readonly tag?: readonly string[];
  readonly concern?: readonly string[];
  readonly cluster?: string;
  /** False for `--no-tags` and `--no-concerns`. */
  readonly tags: boolean;
  readonly concerns: boolean;
}

export const hostsGroup: Group = (program, open) => {
  const hosts = listing(
    program,
    "hosts",
    "list hosts, or change them",
    "Lists the hosts: their state, what is wanted of them, their room, and how guests are accelerated there.",
    async (command) => {
      const session = open(command);
      const reply = await session.call(listHosts);
      session.show(reply, () =>
        reply.hosts.length > 0
          ? hostTable(reply.hosts, session.now(), session.paint)
          : "No hosts. `holdfast up` makes this machine one; `holdfast hosts token` lets another join.",
      );
    },
  );

  hosts
    .command("set")
    .summary("change a host")
    .description(changeHost.summary)
    .argument("<host>", "its name or id")
    .addOption(
      new Option("--mode <mode>", "what is wanted of it").choices([
        "enabled",
        "draining",
        "maintenance",
      ]),
    )
    .option("--tag <tag>", "its tags from now on; may be repeated", list)
    .option("--no-tags", "take all its tags away")
    .option(
      "--concern <reason>",
      "why to avoid it while others have room; may be repeated",
      (text: string, before: readonly string[] = []) => [...before, text],
    )
    .option("--no-concerns", "there is no reason any more")
    .option("--cluster <cluster>", "move it to this cluster")
    .action(async (host: string, options: SetOptions, command) => {
      const session = open(command);
      const { mode, cluster } = options;
      const tags = options.tags ? options.tag && [...options.tag] : [];
      const concerns = options.concerns ? options.concern && [...options.concern] : [];
      const body = { mode, cluster, tags, concerns };
      if (Object.values(body).every((value) => value === undefined))
        command.error("error: nothing to change: give --mode, --tag, --concern or --cluster");
      const asked = session.call(changeHost, { params: { host }, body });
      const reply = await session.named("host", host, asked);
      session.show(reply, () => hostTable([reply], session.now(), session.paint));
    });

  hosts
    .command("token")
    .summary("make a token with which one machine may join")
    .description(createJoinToken.summary)
    .option("--name <name>", "only a machine of this name")
    .option("--minutes <n>", "how long it is valid", whole, 60)
    .action(async ({ name, minutes }: { name?: string; minutes: number }, command) => {
      const session = open(command);
      const body = { minutes, ...(name !== undefined && { hostName: name }) };
      const reply = await session.call(createJoinToken, { body });
      session.show(reply, () => reply.command);
      session.note(
        `Type this on the new machine. It works once, and expires ${relative(reply.expiresAt, session.now())}.`,
      );
    });

  hosts
    .command("revoke")
    .summary("revoke a host's certificates and cut its agent off")
    .description(revokeHost.summary)
    .argument("<host>", "its name or id")
    .action(async (host: string, _, command) => {
      const session = open(command);
      const asked = session.call(revokeHost, { params: { host }, body: {} });
      const reply = await session.named("host", host, asked);
      session.show(
        reply,
        () => `${host}: ${reply.revoked} certificate(s) revoked, its agent is cut off.`,
      );
    });
};
