/** `journal`: everything that happens, as it happens, each event once, also over a restart of a manager. */
import { readJournal, readProjectJournal } from "@holdfast/cloud/journal/api";
import type { Group } from "../group.ts";
import { patientCall } from "../session.ts";
import { journalLine } from "../text/journal.ts";

/** How long one question waits for something to happen; seconds. */
const patience = 20;

interface Options {
  readonly follow?: true;
  readonly platform?: true;
  readonly after?: string;
}

export const journalGroup: Group = (program, open) => {
  program
    .command("journal")
    .summary("show everything that happens in the project, or on the platform")
    .description(
      "Shows what has happened to everything in the project, oldest first, each event once. Ends with the place to go on from, which is good at any manager and at any time.",
    )
    .option("-f, --follow", "begin with now, and go on as more happens")
    .option("--platform", "of the whole platform, hosts included, as an operator")
    .option("--after <cursor>", "go on from this place")
    .addHelpText(
      "after",
      "\nExamples:\n  holdfast journal --follow\n  holdfast journal --platform --json",
    )
    .action(async ({ follow, platform, after: asked }: Options, command) => {
      const session = open(command);
      const { json, project } = session.options;
      const read = (query: Record<string, string | number>) =>
        platform
          ? session.call(readJournal, { query })
          : session.call(readProjectJournal, { params: { project }, query });
      const place = (after: string | undefined) =>
        after !== undefined ? { after } : { from: follow ? "now" : "beginning" };
      const wait = follow ? { waitSeconds: patience } : {};
      for (let after = asked; ; ) {
        const query = { ...place(after), ...wait, limit: 1_000 };
        const { events, next } = await patientCall(session, () => read(query));
        for (const event of events)
          session.print(json ? JSON.stringify(event) : journalLine(event, session.paint));
        if (!follow && next === after) return session.note(`to go on: --after ${next}`);
        after = next;
      }
    });
};
