/**
 * `failover`, `attest`, `fences` and `fencing`: the death of a host, before and after.
 *
 * There is no command that fails a host over. What is proven dead is left at once, and what is not proven
 * must not be left at all; so people can only look, swear, or say that a brake is mistaken.
 */

import { allHosts } from "@holdfast/client/pages";
import {
  attestHost,
  getFence,
  listFences,
  planFailover,
  releaseBrake,
} from "@holdfast/cloud/availability/api";
import type { Group } from "../group.ts";
import { lineOf } from "../input.ts";
import { count } from "../options.ts";
import type { Session } from "../session.ts";
import { certificateTable, certificateText, oathText, planText } from "../text/availability.ts";
import { clockTime } from "../text/words.ts";

interface ShowOptions {
  readonly statement?: true;
  readonly signature?: true;
}

export const availabilityGroup: Group = (program, open) => {
  program
    .command("failover")
    .summary("show what would happen if a host died")
    .description(
      `${planFailover.summary} A failover is never ordered by hand, so --dry-run must be said.`,
    )
    .argument("<host>", "its name or id")
    .option("--dry-run", "show the plan")
    .action(async (host: string, { dryRun }: { dryRun?: true }, command) => {
      if (!dryRun) command.error(neverByHand(host));
      const session = open(command);
      const asked = session.call(planFailover, { params: { host } });
      const reply = await session.named("host", host, asked);
      session.show(reply, () => planText(reply, session.paint));
    });

  program
    .command("attest")
    .summary("swear that a silent host is off")
    .description(
      `${attestHost.summary} Look at the machine itself first. Asks to type the host's name, so that it is the right one.`,
    )
    .argument("<host>", "its name or id")
    .requiredOption("--reason <text>", "how you know")
    .option("--name <name>", "its name once more, instead of being asked")
    .action(async (host: string, options: { reason: string; name?: string }, command) => {
      const session = open(command);
      const name = options.name ?? (await askName(session, host));
      const body = { name, reason: options.reason };
      const asked = session.call(attestHost, { params: { host }, body });
      const reply = await session.named("host", host, asked);
      session.show(reply, () => certificateText(reply, session.now(), session.paint));
    });

  const fences = program
    .command("fences")
    .summary("list the proofs that hosts were dead")
    .description(
      `${listFences.summary} Each allowed the instances of that host to be started elsewhere.`,
    )
    .argument("[host]", "only those of this host: its name or id")
    .option("-n, --limit <n>", "how many at most", count, 50)
    .action(async (host: string | undefined, { limit }: { limit: number }, command) => {
      const session = open(command);
      const asked = session.call(listFences, { query: { host, limit } });
      const reply = await (host === undefined ? asked : session.named("host", host, asked));
      session.show(reply, () =>
        reply.certificates.length > 0
          ? certificateTable(reply.certificates, session.now(), session.paint)
          : `${host ?? "No host"} has ${host ? "never " : ""}been proven dead.`,
      );
    });

  fences
    .command("show")
    .summary("show one proof, whole")
    .description(
      `${getFence.summary} docs/availability.md says how to check the signature with openssl.`,
    )
    .argument("<certificate>", "its id")
    .option("--statement", "print only the text that was signed, byte for byte")
    .option("--signature", "print only the signature, base64")
    .action(async (certificate: string, { statement, signature }: ShowOptions, command) => {
      if (statement && signature) command.error("error: one of --statement and --signature");
      const session = open(command);
      const reply = await session.call(getFence, { params: { certificate } });
      session.show(reply, () => {
        if (statement) return reply.statement.replace(/\n$/, ""); // A line break follows.
        return signature ? reply.signature : certificateText(reply, session.now(), session.paint);
      });
    });

  program
    .command("fencing")
    .summary("let fencing go on where it has stopped")
    .description(
      "Fencing, where so much is silent at once that it has stopped: see `holdfast health`.",
    )
    .helpCommand(false)
    .command("release")
    .summary("let fencing go on in a pod or zone")
    .description(releaseBrake.summary)
    .argument("<domain...>", "`pod NAME` or `zone NAME`")
    .option("--minutes <n>", "for how long", count, 15)
    .action(async (words: readonly string[], { minutes }: { minutes: number }, command) => {
      const session = open(command);
      const body = { domain: words.join(" "), minutes };
      const reply = await session.call(releaseBrake, { body });
      session.show(
        reply,
        () => `Fencing goes on in ${reply.domain} until ${clockTime(reply.until).slice(0, 8)}.`,
      );
    });
};

async function askName(session: Session, host: string): Promise<string> {
  const hosts = await allHosts(session.call);
  const known = hosts.find(({ id, name }) => name === host || id === host);
  if (!known) return host; // The manager says that there is none.
  session.note(oathText(known, session.now()));
  const { stdin, stderr, interrupted } = session.world;
  if (stdin.isTTY) stderr.write("The name of the host: ");
  return (await lineOf(stdin, interrupted)).trim();
}

const neverByHand = (host: string) => `error: a failover is never ordered by hand
A host that is proven dead is left at once; one that is not proven dead may still be writing.
  what would happen if it died:    holdfast failover ${host} --dry-run
  it is off, and you have seen it: holdfast attest ${host} --reason TEXT
  it is to be emptied:             holdfast hosts set ${host} --mode draining`;
