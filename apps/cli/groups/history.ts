/** `trace`: every line about an instance, from every log, in order of time; and its journal, for `events`. */
import { pauseFor } from "@holdfast/client/patience";
import { listInstanceEvents, traceInstance } from "@holdfast/cloud/instances/api";
import type { Group } from "../group.ts";
import { whole } from "../options.ts";
import { patientCall, type Session } from "../session.ts";
import { eventLine, traceLine } from "../text/lines.ts";
import { lookEvery } from "./console.ts";

/** What the manager gives in one page at most. */
const page = 1_000;

export const historyGroup: Group = (program, open) => {
  program
    .command("trace")
    .summary("follow an instance through every log")
    .description(
      "Shows every line about an instance from API, placement, agent, hypervisor and guest console, in order of time.",
    )
    .argument("<instance>", "its name or id")
    .option("-n, --lines <n>", "how many lines", whole, 1_000)
    .action(async (instance: string, { lines }: { lines: number }, command) => {
      const session = open(command);
      const params = { project: session.options.project, instance };
      const asked = session.call(traceInstance, { params, query: { lines } });
      const reply = await session.named("instance", instance, asked);
      session.show(reply, () =>
        reply.lines.length > 0
          ? reply.lines.map((line) => traceLine(line, session.paint)).join("\n")
          : "No line mentions it.",
      );
      for (const missing of reply.missing) session.note(`missing: ${missing}`);
    });
};

/** The journal of an instance: each change, by whom, and the evidence. */
export async function showJournal(
  session: Session,
  instance: string,
  follow: boolean,
): Promise<void> {
  const { json, project } = session.options;
  const ask = (after: number) =>
    session.call(listInstanceEvents, {
      params: { project, instance },
      query: { after, limit: page },
    });
  const reply = await session.named("instance", instance, ask(0));
  const events = [...reply.events];
  for (let last = reply.events; last.length === page; ) {
    last = (await ask(events.at(-1)?.seq ?? 0)).events;
    events.push(...last);
  }
  const print = (some: typeof events) => {
    for (const event of some)
      session.print(json ? JSON.stringify(event) : eventLine(event, session.paint));
  };
  if (json && !follow) return session.show({ events }, () => "");
  print(events);
  for (let seen = events.at(-1)?.seq ?? 0; follow; ) {
    await pauseFor(session.world.clock, lookEvery, session.world.interrupted);
    const { events: more } = await patientCall(session, () => ask(seen));
    print(more);
    seen = more.at(-1)?.seq ?? seen;
  }
}
