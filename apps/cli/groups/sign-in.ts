/** `password`, `sessions` and `sso`: how people come in who use pages instead of keys. */

import type { RoleName } from "@holdfast/cloud/access";
import {
  changePassword,
  endSession,
  endSessionOfAccount,
  getSingleSignOn,
  listSessions,
  listSessionsOfAccount,
  removeSingleSignOn,
  setSingleSignOn,
} from "@holdfast/cloud/access/api";
import { problem } from "@holdfast/kernel/problem";
import { type Group, listing } from "../group.ts";
import { textIn } from "../input.ts";
import { list } from "../options.ts";
import { typedSecret } from "../secret.ts";
import { providerText, sessionTable } from "../text/access.ts";
import type { World } from "../world.ts";

export const signInGroup: Group = (program, open) => {
  program
    .command("password")
    .summary("change your password")
    .description(changePassword.summary)
    .argument(
      "[file]",
      "holds the new one in its first line; - reads standard input; without, it is asked for",
    )
    .option("--current <file>", "holds the present one, where there is one")
    .action(async (file: string | undefined, { current }: { current?: string }, command) => {
      const session = open(command);
      const { world } = session;
      const lineOf = async (path: string) =>
        (await textIn(path, world.stdin)).split("\n")[0]?.trimEnd() ?? "";
      const body =
        file === undefined && world.stdin.isTTY
          ? await typedPasswords(world)
          : {
              password: await lineOf(file ?? "-"),
              ...(current !== undefined && { current: await lineOf(current) }),
            };
      const reply = await session.call(changePassword, { body });
      session.show(reply, () => `The password of ${reply.account} is changed.`);
    });

  const sessions = listing(
    program,
    "sessions",
    "list where you are signed in, or sign out there",
    "Lists where you are signed in with a browser.",
    async (command) => {
      const session = open(command);
      const reply = await session.call(listSessions);
      session.show(reply, () =>
        reply.sessions.length > 0
          ? sessionTable(reply.sessions, session.now(), session.paint)
          : "You are signed in nowhere.",
      );
    },
  );

  sessions
    .command("of")
    .summary("list where somebody else is signed in")
    .description(`${listSessionsOfAccount.summary} For owners of the platform.`)
    .argument("<account>", "its name")
    .action(async (account: string, _, command) => {
      const session = open(command);
      const reply = await session.call(listSessionsOfAccount, { params: { account } });
      session.show(reply, () =>
        reply.sessions.length > 0
          ? sessionTable(reply.sessions, session.now(), session.paint)
          : `${account} is signed in nowhere.`,
      );
    });

  sessions
    .command("end")
    .summary("sign out there")
    .description(endSession.summary)
    .argument("<session>", "its id, as `sessions` lists it")
    .option("--of <account>", "whose it is, if it is not yours")
    .action(async (id: string, { of }: { of?: string }, command) => {
      const session = open(command);
      const reply =
        of === undefined
          ? await session.call(endSession, { params: { session: id } })
          : await session.call(endSessionOfAccount, { params: { account: of, session: id } });
      session.show(
        reply,
        () => `That session${reply.source ? ` from ${reply.source}` : ""} is over.`,
      );
    });

  const sso = listing(
    program,
    "sso",
    "show the provider of single sign-on, or set one",
    "Shows at which provider people sign in, and which of its groups have which role here.",
    async (command) => {
      const session = open(command);
      const reply = await session.call(getSingleSignOn);
      session.show(reply, () =>
        reply.provider
          ? providerText(reply.provider, session.paint)
          : "There is no single sign-on. Set a provider: holdfast sso set",
      );
    },
  );

  sso
    .command("set")
    .summary("let people sign in at a provider")
    .description(setSingleSignOn.summary)
    .argument("<issuer>", "its address, for example https://sso.example.org/realms/us")
    .requiredOption("--client <id>", "what Holdfast is called there")
    .requiredOption("--secret-file <file>", "holds the secret of that; - reads standard input")
    .option("--name-claim <claim>", "what people are called by (email)")
    .option("--group-claim <claim>", "which groups they are in (groups)")
    .option(
      "--scope <scope>",
      "what to ask it for beside openid; may be repeated (profile, email, and groups if it knows that)",
      list,
    )
    .option(
      "--map <group=role>",
      "what a group is worth: admins=owner, web=developer@project:web, acme=viewer@organisation:acme; may be repeated",
      (text: string, before: readonly string[] = []) => [...before, text],
    )
    .action(async (issuer: string, options: SetOptions, command) => {
      const session = open(command);
      const clientSecret = (await textIn(options.secretFile, session.world.stdin)).trim();
      const body = {
        ...{ issuer, clientId: options.client, clientSecret },
        ...(options.nameClaim !== undefined && { nameClaim: options.nameClaim }),
        ...(options.groupClaim !== undefined && { groupClaim: options.groupClaim }),
        ...(options.scope !== undefined && { scopes: [...options.scope] }),
        mapping: (options.map ?? []).map(mappingOf),
      };
      const reply = await session.call(setSingleSignOn, { body });
      session.show(reply, () => providerText(reply, session.paint));
      session.note("\nRegister at the provider: https://HOST:PORT/v1/sign-on/callback");
    });

  sso
    .command("remove")
    .summary("no single sign-on any more")
    .description(removeSingleSignOn.summary)
    .action(async (_, command) => {
      const session = open(command);
      const reply = await session.call(removeSingleSignOn);
      session.show(reply, () => "There is no single sign-on any more.");
    });
};

/** Twice: nobody sees what they type. */
async function typedPasswords(world: World) {
  const current = await typedSecret(world, "Present password, if there is one");
  const password = await typedSecret(world, "New password");
  if ((await typedSecret(world, "Once more")) !== password)
    throw problem("invalid", "passwords_differ", "The two are not the same.", {
      fix: "Run it again; nothing was changed.",
    });
  return { password, ...(current !== "" && { current }) };
}

interface SetOptions {
  readonly client: string;
  readonly secretFile: string;
  readonly nameClaim?: string;
  readonly groupClaim?: string;
  readonly scope?: readonly string[];
  readonly map?: readonly string[];
}

function mappingOf(word: string) {
  const [, group = "", role = "", kind, name] =
    /^(.+)=([a-z]+)(?:@(project|organisation):([a-z0-9-]+))?$/.exec(word) ?? [];
  if (!group)
    throw problem("invalid", "mapping_unreadable", `${word} does not say what a group is worth.`, {
      fix: "Write it as web=developer@project:web, or admins=owner for the platform.",
    });
  const on = kind === undefined || name === undefined ? {} : { [kind]: name };
  return { group, role: role as RoleName, ...on }; // The manager knows which there are.
}
