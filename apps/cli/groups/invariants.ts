/** `invariants`: everything that always holds, and whatever does not. For operators. */
import { getInvariants } from "@holdfast/cloud/invariants/api";
import { exits } from "../exits.ts";
import type { Group } from "../group.ts";
import { invariantsText } from "../text/invariants.ts";

interface Options {
  readonly rule?: string;
  readonly rows?: boolean;
}

export const invariantsGroup: Group = (program, open) => {
  program
    .command("invariants")
    .summary("show everything that always holds, and whether it does")
    .description(
      "Lists the rules that the platform never breaks: when each was last checked and over how many things, and what breaks it now. Ends with 0 if all hold and with 1 if one is broken or nobody has looked yet, so that a script can ask. docs/invariants.md says what each is for.",
    )
    .option("--rule <name>", "only this one, with what it is for")
    .option("--rows", "with the rows that show each violation")
    .action(async ({ rule, rows = false }: Options, command) => {
      const session = open(command);
      const reply = await session.call(getInvariants);
      if (rule !== undefined && !reply.rules.some(({ name }) => name === rule))
        command.error(`error: there is no rule ${rule}; see them: holdfast invariants`);
      const isMeant = (name: string) => rule === undefined || name === rule;
      const shown = {
        ...reply,
        rules: reply.rules.filter(({ name }) => isMeant(name)),
        violations: reply.violations.filter((one) => isMeant(one.rule)),
      };
      const how = { isOne: rule !== undefined, withRows: rows };
      session.show(shown, () => invariantsText(shown, how, session.now(), session.paint));
      const isBroken = rule === undefined ? reply.broken > 0 : shown.violations.length > 0;
      if (isBroken || reply.checkedAt === null) session.leaveWith(exits.failed.code);
    });
};
