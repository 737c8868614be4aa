/** `login` and `logout`: coming in as a person, with a password. */
import { hostname } from "node:os";
import { connect } from "@holdfast/client/client";
import { revokeAccessKey } from "@holdfast/cloud/access/api";
import { Problem, problem } from "@holdfast/kernel/problem";
import {
  defaultUrl,
  findLogin,
  forgetLogin,
  loginFile,
  type Settings,
  trusting,
  writeSettings,
} from "../connection.ts";
import type { Group } from "../group.ts";
import { textIn } from "../input.ts";
import { logIn } from "../login.ts";
import { count } from "../options.ts";
import { typedSecret } from "../secret.ts";
import type { Session } from "../session.ts";
import { relative } from "../text/words.ts";

export const loginGroup: Group = (program, open) => {
  program
    .command("login")
    .summary("come in with your name and password")
    .description(
      "Signs you in with your password, which is asked for, and keeps an access key of yours in ~/.config/holdfast/client.json, for you alone to read. Commands use it from then on, unless HOLDFAST_TOKEN or --state say otherwise.",
    )
    .argument("<account>", "your name")
    .option("--url <url>", "the manager's address (HOLDFAST_URL, or this machine's)")
    .option(
      "--ca <fingerprint>",
      "of the installation's authority, as `up --listen` prints it (HOLDFAST_CA)",
    )
    .option(
      "--password-file <file>",
      "holds the password in its first line; - reads standard input",
    )
    .option("--days <days>", "how long it is good for (30)", count)
    .addHelpText(
      "after",
      "\nExample:\n  holdfast login ada --url https://10.0.0.5:7443 --ca FINGERPRINT",
    )
    .action(async (account: string, options: Options, command) => {
      const session = open(command);
      const { world } = session;
      const { environment } = world;
      const file = loginFile(environment);
      if (file === undefined)
        throw problem(
          "invalid",
          "no_home",
          "There is no place to keep a login in: HOME is not set.",
          {
            fix: "Set HOME, or use a key: HOLDFAST_TOKEN",
          },
        );
      const before = await findLogin(environment);
      const url = options.url ?? environment.HOLDFAST_URL ?? before?.url ?? defaultUrl;
      const fingerprint =
        options.ca ??
        environment.HOLDFAST_CA ??
        (before?.url === url ? before.fingerprint : undefined);
      const password =
        options.passwordFile === undefined
          ? await typedSecret(world, `Password of ${account}`)
          : ((await textIn(options.passwordFile, world.stdin)).split("\n")[0]?.trimEnd() ?? "");
      const wanted = {
        account,
        password,
        name: `login at ${hostname()}`.slice(0, 63),
        days: options.days ?? 30,
      };
      const { settings, expiresAt } = await logIn({ url, fingerprint }, wanted, world.interrupted);
      await writeSettings(file, settings);
      // Nobody has the key from before any more. That it cannot be revoked is no reason to fail: it ends by itself.
      if (before?.url === url) await revoke(before, session).catch(() => {});
      const accessKey = keyIn(settings.token);
      session.show(
        { account, url, accessKey, expiresAt, file },
        () => `You are ${account} at ${url}.`,
      );
      const until = expiresAt === null ? "" : `, which ends ${relative(expiresAt, session.now())}`;
      session.note(
        `\nThe key ${accessKey}${until}, is in ${file}.\nnext: holdfast whoami, holdfast logout`,
      );
    });

  program
    .command("logout")
    .summary("revoke the access key of your login, and forget it")
    .description(
      "Revokes the access key that `holdfast login` has made, and removes it from this machine.",
    )
    .action(async (_, command) => {
      const session = open(command);
      const { environment } = session.world;
      const known = await findLogin(environment);
      if (!known) {
        session.show({ accessKey: null }, () => "You are not logged in.");
        return;
      }
      const accessKey = await revoke(known, session).catch((error: unknown) => {
        // One that is revoked or over already is what is wanted.
        if (error instanceof Problem && error.code === "unauthenticated") return keyIn(known.token);
        throw error;
      });
      await forgetLogin(environment);
      session.show({ accessKey }, () => `You are logged out; the key ${accessKey} is revoked.`);
    });
};

interface Options {
  readonly url?: string;
  readonly ca?: string;
  readonly passwordFile?: string;
  readonly days?: number;
}

/** Resolves with its id. */
async function revoke(login: Settings, { requestId, world }: Session): Promise<string> {
  const accessKey = keyIn(login.token);
  const client = connect({ ...(await trusting(login)), requestId, signal: world.interrupted });
  await client.call(revokeAccessKey, { params: { accessKey } });
  return accessKey;
}

const keyIn = (token: string) => token.split(":")[0] ?? "";
