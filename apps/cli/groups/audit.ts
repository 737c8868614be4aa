/** `audit`: who asked for what, and what became of it. */
import { readAudit, readProjectAudit } from "@holdfast/cloud/audit/api";
import type { Command } from "commander";
import type { Group } from "../group.ts";
import { count } from "../options.ts";
import { auditTable } from "../text/audit.ts";

interface Options {
  readonly all?: boolean;
  readonly actor?: string;
  readonly key?: string;
  readonly source?: string;
  readonly request?: string;
  readonly route?: string;
  readonly refused?: boolean;
  readonly writes?: boolean;
  readonly limit: number;
  readonly after?: string;
}

export const auditGroup: Group = (program, open) => {
  program
    .command("audit")
    .summary("show who asked for what, allowed or refused")
    .description(
      "Shows who asked for what in the project, or anywhere with --all: the newest first, allowed or refused. With --request also what it has changed.",
    )
    .option("--all", "on the whole platform")
    .option("--actor <account>", "only what this account asked for")
    .option("--key <access-key>", "only what came with this access key or session")
    .option("--source <address>", "only what came from this address")
    .option("--request <id>", "only this request, and what it has changed")
    .option("--route <part>", "only routes with this in them, for example instances")
    .option("--refused", "only what was refused")
    .option("--writes", "only what is not merely reading")
    .option("--limit <count>", "how many lines", count, 50)
    .option("--after <cursor>", "go on where a page ended")
    .action(async (options: Options, command: Command) => {
      const session = open(command);
      const { actor, key, source, request, route, limit, after } = options;
      const query = {
        ...{ limit, actor, credential: key, source, request, route, after },
        ...(options.refused && { decision: "refused" as const }),
        ...(options.writes && { onlyChanges: "true" as const }),
        ...(request !== undefined && { changes: "true" as const }),
      };
      const params = { project: session.options.project };
      const reply = options.all
        ? await session.call(readAudit, { query })
        : await session.call(readProjectAudit, { params, query });
      session.show(reply, () =>
        reply.entries.length > 0
          ? auditTable(reply.entries, session.paint)
          : "Nothing like that was asked for.",
      );
      if (reply.next) session.note(`\nolder: --after ${reply.next}`);
    });
};
