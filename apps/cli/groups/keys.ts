/**
 * `keys`: access keys, with which one calls the API. What is put into guests to log in with are `keypairs`.
 *
 * The secret is printed once and kept nowhere here: whoever needs it pastes it where it is to be used.
 */
import {
  createAccessKey,
  createServiceAccountKey,
  listAccessKeys,
  listKeysOfAccount,
  listServiceAccountKeys,
  revokeAccessKey,
  revokeKeyOfAccount,
} from "@holdfast/cloud/access/api";
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Command } from "commander";
import { type Group, listing } from "../group.ts";
import { byLauncher } from "../launcher.ts";
import { count } from "../options.ts";
import type { Session } from "../session.ts";
import { keyTable } from "../text/access.ts";

export const keysGroup: Group = (program, open) => {
  const keys = listing(
    program,
    "keys",
    "list access keys, or make or revoke one",
    "Lists your access keys. With one, programs call the API in your name: this command line, and tools that speak EC2.",
    async (command) => {
      const session = open(command);
      const reply = await session.call(listAccessKeys);
      session.show(reply, () => keyTable(reply.keys, session.now(), session.paint));
    },
  );

  keys
    .command("of")
    .summary("list the access keys of another account")
    .description(
      "Lists the access keys of a service account of the project, or of anybody for an owner.",
    )
    .argument("<account>", "its name")
    .action(async (account: string, _, command) => {
      const session = open(command);
      const reply = account.includes("@")
        ? await session.call(listServiceAccountKeys, { params: ofProgram(session, account) })
        : await session.call(listKeysOfAccount, { params: { account } });
      session.show(reply, () => keyTable(reply.keys, session.now(), session.paint));
    });

  keys
    .command("create")
    .summary("make an access key; its secret is shown once")
    .description(createAccessKey.summary)
    .argument("<name>", "what it is for, for lists")
    .option(
      "--project <project>",
      "the only project that it is for; without, all that you may touch",
    )
    .option("--days <days>", "how long it is good for; without, until it is revoked", count)
    .option("--for <service-account>", "not for you but for this program: see `service-accounts`")
    .action(async (name: string, options: Options, command: Command) => {
      const session = open(command);
      const { project, days, for: program } = options;
      const body = { name, ...(days !== undefined && { expiresInDays: days }) };
      const reply =
        program === undefined
          ? await session.named(
              "project",
              project ?? "",
              session.call(createAccessKey, {
                body: { ...body, ...(project !== undefined && { project: project as ProjectId }) }, // By name.
              }),
            )
          : await session.call(createServiceAccountKey, {
              params: ofProgram(session, program),
              body,
            });
      session.show(reply, () =>
        [
          `export HOLDFAST_TOKEN=${reply.token}`,
          `export AWS_ACCESS_KEY_ID=${reply.accessKey} AWS_SECRET_ACCESS_KEY=${reply.secret}`,
        ].join("\n"),
      );
      session.note(
        "\nShown this once. The first line is for holdfast and the native API, the second for what speaks EC2.",
      );
    });

  keys
    .command("recover")
    .summary("another key for the owner; on the manager's machine, as root")
    .description(
      "Makes another access key for the owner of this installation, where the one in client.json was lost or revoked, or is over. Needs no key: it is for whoever has the manager's machine. It is in the audit log.",
    )
    .action((_, command: Command) => {
      const { state } = open(command).options;
      process.exitCode = byLauncher([
        "recover-key",
        ...(state === undefined ? [] : ["--state", state]),
      ]);
    });

  keys
    .command("revoke")
    .summary("make an access key worthless, at once")
    .description(revokeAccessKey.summary)
    .argument("<access-key>", "its id, as `keys` lists it")
    .option("--of <account>", "whose it is, if it is not yours")
    .action(async (accessKey: string, { of }: { of?: string }, command) => {
      const session = open(command);
      const reply =
        of === undefined
          ? await session.call(revokeAccessKey, { params: { accessKey } })
          : await session.call(revokeKeyOfAccount, { params: { account: of, accessKey } });
      session.show(reply, () => `${accessKey} (${reply.name}) is revoked.`);
    });
};

interface Options {
  readonly project?: string;
  readonly days?: number;
  readonly for?: string;
}

/** `deploy@blue` says its project; `deploy` is of the project at hand. */
function ofProgram(session: Session, name: string) {
  const [, , project = session.options.project] = /^([^@]*)@(.*)$/.exec(name) ?? [];
  const serviceAccount = name.includes("@") ? name : `${name}@${project}`;
  return { project: project as ProjectId, serviceAccount }; // By name.
}
