/** `maintenance`: work on hosts, from the preview to giving them back. */

import {
  endMaintenance,
  getMaintenance,
  listMaintenance,
  type MaintenanceDetail,
  planMaintenance,
  previewMaintenance,
} from "@holdfast/cloud/events/api";
import { onePage } from "@holdfast/kernel/pages";
import { problem } from "@holdfast/kernel/problem";
import { milliseconds } from "@holdfast/kernel/time";
import type { Group } from "../group.ts";
import { lineOf } from "../input.ts";
import { momentFrom } from "../moments.ts";
import { whole } from "../options.ts";
import { patientCall, type Session } from "../session.ts";
import { fateTable, maintenanceTable, maintenanceText } from "../text/maintenance.ts";

interface Options {
  readonly at?: string;
  readonly deadline?: string;
  readonly retire?: true;
  readonly interruptUntil?: string;
  readonly notice?: number;
  readonly reason?: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly wait?: true;
}

export const maintenanceGroup: Group = (program, open) => {
  const maintenance = program
    .command("maintenance")
    .summary("work on hosts: empty one, now or later, or list what is planned")
    .description(
      "Empties a host for work on it: shows what happens to each instance and why, asks, and has it done. Owners are told in time; each instance is moved, stopped and started elsewhere, or goes down with the host, as its policy says. Without a host: lists the work that is planned and under way.",
    )
    .helpCommand(false)
    .argument("[host]", "its name or id")
    .option("--at <time>", "when it begins: +2h, 2026-11-22T02:00Z (now)")
    .option(
      "--deadline <time>",
      "by then it is empty; until then owners may put it off, and what finds no room elsewhere waits",
    )
    .option("--retire", "the host does not come back")
    .option(
      "--interrupt-until <time>",
      "what cannot be moved stays, and may be cut off or rebooted until then",
    )
    .option("--notice <seconds>", "how long owners are told before (events.notice)", whole)
    .option("--reason <text>", "why, for everybody to read (planned work)")
    .option("--dry-run", "only show what would happen")
    .option("--yes", "do not ask")
    .option("--wait", "wait until it is in maintenance")
    .addHelpText(
      "after",
      "\nExamples:\n  holdfast maintenance host-3 --dry-run\n  holdfast maintenance host-3 --at +1d --deadline +3d --reason 'new memory'\n  holdfast maintenance end host-3",
    )
    .action(async (host: string | undefined, options: Options, command) => {
      const session = open(command);
      if (host === undefined) return listAll(session, false);
      if (options.retire && options.interruptUntil)
        command.error("error: one of --retire and --interrupt-until");
      const body = bodyOf(options, session);
      const params = { host };
      if (options.dryRun || !options.yes) {
        const asked = session.call(previewMaintenance, { params, body });
        const preview = await session.named("host", host, asked);
        const text = () => fateTable(preview.instances, session.now(), session.paint);
        if (options.dryRun) return session.show(preview, text);
        session.note(text());
        await confirm(session, host);
      }
      const reply = await session.named(
        "host",
        host,
        session.call(planMaintenance, { params, body }),
      );
      if (!options.wait) {
        session.show(reply, () => maintenanceText(reply, session.now(), session.paint));
        session.note(
          `\nnext: holdfast maintenance show ${reply.host}, holdfast maintenance end ${reply.host}`,
        );
        return;
      }
      const last = await untilEmpty(session, host);
      session.show(last, () => maintenanceText(last, session.now(), session.paint));
    });

  maintenance
    .command("list")
    .summary("list work on hosts")
    .description(listMaintenance.summary)
    .option("--all", "also what is over")
    .action(async ({ all }: { all?: true }, command) => listAll(open(command), all === true));

  maintenance
    .command("show")
    .summary("show the work on one host, and who is still there")
    .description(getMaintenance.summary)
    .argument("<host>", "its name or id")
    .action(async (host: string, _, command) => {
      const session = open(command);
      const asked = session.call(getMaintenance, { params: { host } });
      const reply = await session.named("host", host, asked);
      session.show(reply, () => maintenanceText(reply, session.now(), session.paint));
    });

  maintenance
    .command("end")
    .summary("give a host back, or call its work off")
    .description(endMaintenance.summary)
    .argument("<host>", "its name or id")
    .action(async (host: string, _, command) => {
      const session = open(command);
      const asked = session.call(endMaintenance, { params: { host } });
      const reply = await session.named("host", host, asked);
      session.show(reply, () => `${reply.host} is given back.`);
    });
};

function bodyOf(options: Options, session: Session) {
  const at = (text: string | undefined) =>
    text === undefined ? undefined : momentFrom(text, session.now());
  const { retire, interruptUntil, notice, reason } = options;
  return {
    work: retire ? ("retire" as const) : interruptUntil ? ("interrupt" as const) : undefined,
    startsAt: at(options.at),
    deadline: at(options.deadline),
    endsAt: at(interruptUntil),
    noticeSeconds: notice,
    reason,
  };
}

async function listAll(session: Session, all: boolean): Promise<void> {
  const reply = await onePage("maintenance", (after) =>
    session.call(listMaintenance, { query: { all: `${all}` as const, after } }),
  );
  session.show(reply, () =>
    reply.maintenance.length > 0
      ? maintenanceTable(reply.maintenance, session.now(), session.paint)
      : "Nothing is planned for any host. To empty one: holdfast maintenance HOST",
  );
}

/** Rejects with `maintenance_not_confirmed`. */
async function confirm(session: Session, host: string): Promise<void> {
  const { stdin, stderr, interrupted } = session.world;
  if (stdin.isTTY) stderr.write(`\nGo on with ${host}? Type yes: `);
  const answer = stdin.isTTY ? await lineOf(stdin, interrupted) : "";
  if (answer.trim() === "yes") return;
  throw problem("conflict", "maintenance_not_confirmed", "Nothing was done.", {
    fix: "If that is what you want: --yes. To look only: --dry-run",
  });
}

const lookEvery = milliseconds(500);

/** Until nothing more can come of it without somebody's doing. */
async function untilEmpty(session: Session, host: string): Promise<MaintenanceDetail> {
  const { clock } = session.world;
  for (;;) {
    const now = await patientCall(session, () =>
      session.call(getMaintenance, { params: { host } }),
    );
    const left = now.instances.length;
    if (now.state === "in-maintenance" || now.state === "ended") return now;
    session.progress.say(`${now.host}: ${now.state}, ${left} still there`);
    await clock.sleep(lookEvery);
  }
}
