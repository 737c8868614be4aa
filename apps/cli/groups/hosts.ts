/** `hosts`: the fleet, and what its operators want of it. */

import { allHosts } from "@holdfast/client/pages";
import { removeBmc, setBmc } from "@holdfast/cloud/availability/api";
import { changeHost, createJoinToken, revokeHost } from "@holdfast/cloud/hosts/api";
import { Option } from "commander";
import { type Group, listing } from "../group.ts";
import { textIn } from "../input.ts";
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

interface BmcOptions {
  readonly url?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly remove?: true;
}

export const hostsGroup: Group = (program, open) => {
  const hosts = listing(
    program,
    "hosts",
    "list hosts, or change them",
    "Lists the hosts: their state, what is wanted of them, their room, the shared pools that they reach, what would prove them dead (watchdog, power controller), and below it how guests are accelerated and what is wrong with them.",
    async (command) => {
      const session = open(command);
      const reply = { hosts: [...(await allHosts(session.call))] };
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

  hosts
    .command("bmc")
    .summary("say how a host is switched off from outside")
    .description(
      `${setBmc.summary} It is asked for its power state at once: what cannot be read now could not prove anything later.`,
    )
    .argument("<host>", "its name or id")
    .option("--url <url>", "for example https://bmc-7.example/redfish/v1/Systems/1")
    .option("--user <user>", "whom to log in as")
    .option("--password-file <file>", "where the password is; - reads standard input")
    .option("--remove", "forget its power controller")
    .action(async (host: string, options: BmcOptions, command) => {
      const { url, user, passwordFile, remove } = options;
      if (remove && (url || user || passwordFile)) command.error("error: --remove stands alone");
      if (!remove && !(url && user && passwordFile))
        command.error("error: give --url, --user and --password-file, or --remove");
      const session = open(command);
      const params = { host };
      if (remove) {
        const reply = await session.named("host", host, session.call(removeBmc, { params }));
        return session.show(reply, () =>
          reply.removed
            ? `${host}: its power controller is forgotten.`
            : `${host} had no power controller.`,
        );
      }
      const text = await textIn(passwordFile ?? "", session.world.stdin);
      const password = text.replace(/\r?\n$/, "");
      const body = { url: url ?? "", user: user ?? "", password };
      const reply = await session.named("host", host, session.call(setBmc, { params, body }));
      session.show(
        reply,
        () => `${host}: its power controller answers, and the power is ${reply.power}.`,
      );
    });
};
