/**
 * Reading what only a host or a log file knows: the console of a guest, and every line about it.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Hub } from "@holdfast/cloud/hosts/edge";
import type { HostReader, TraceLine } from "@holdfast/cloud/instances/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { readJournal } from "@holdfast/store/journal";
import { z } from "zod";

interface Deps {
  readonly database: Database;
  readonly hub: Hub;
  readonly logDirectory: string | undefined;
}

interface Place {
  readonly host: HostId;
  readonly name: string;
  readonly generation: number;
}

const Lines = z.array(z.object({ at: z.number(), text: z.string() }));
const Traced = z.array(
  z.object({ at: z.number(), source: z.enum(["agent", "hypervisor", "guest"]), text: z.string() }),
);

export function hostReader({ database, hub, logDirectory }: Deps): HostReader {
  return {
    async consoleLog(instance, lines) {
      const [place] = await placesOf(instance);
      if (!place)
        throw problem("conflict", "no_console", "It has never run, so it has no console.", {
          fix: "Start it: holdfast start INSTANCE",
        });
      const { host, generation } = place;
      return Lines.parse(await hub.ask(host, { what: "console-log", instance, generation, lines }));
    },

    async trace(instance, most) {
      const missing: string[] = [];
      const lines: TraceLine[] = [...(await fromJournal(instance)), ...(await ofRules(instance))];
      const requests = await requestsOf(instance);
      if (logDirectory) lines.push(...(await fromLogs(logDirectory, [instance, ...requests])));
      for (const { host, name, generation } of await placesOf(instance)) {
        try {
          const answer = await hub.ask(host, { what: "trace", instance, generation, lines: most });
          lines.push(...Traced.parse(answer));
        } catch (error) {
          missing.push(`${name}: ${error instanceof Error ? error.message : error}`);
        }
      }
      // A host answers for each generation that it had, and its own log is the same each time.
      const once = new Map(lines.map((line) => [`${line.at} ${line.source} ${line.text}`, line]));
      const inOrder = [...once.values()].sort((a, b) => a.at - b.at);
      return { lines: inOrder.slice(-most), missing };
    },
  };

  /** Where it has been, the youngest generation first. */
  function placesOf(instance: InstanceId): Promise<readonly Place[]> {
    return database.query<Place>(
      `select c.host_id as host, h.name, c.generation from incarnation c join host h on h.id = c.host_id
       where c.instance_id = $1 order by c.generation desc limit 10`,
      [instance],
    );
  }

  async function fromJournal(instance: InstanceId): Promise<readonly TraceLine[]> {
    const rows = await readJournal(database, instance, 0, 1_000);
    return rows.map(({ at, event, from, to, generation, actor, requestId, detail }) => {
      const way = to && to !== from ? ` ${from} → ${to}` : "";
      const says =
        detail && typeof detail === "object" && "says" in detail ? `: ${detail.says}` : "";
      const text = `${event}${way}${says} (generation ${generation ?? 0}, by ${actor}, request ${requestId ?? "none"})`;
      return { at, source: event === "placementRefused" ? "placement" : "journal", text };
    });
  }

  /** When the rules of its groups were not in force, on any host that it has been on since it was. */
  async function ofRules(instance: InstanceId): Promise<readonly TraceLine[]> {
    const rows = await database.query<{ at: Instant; host: string; event: string; says: string }>(
      `select j.at, h.name as host, j.event, j.detail->>'says' as says
       from (select host_id, min(asked_at) as since from incarnation where instance_id = $1 group by host_id) c
         join journal j on j.subject = c.host_id and j.at >= c.since join host h on h.id = c.host_id
       where j.event in ('rulesBypassed', 'rulesInForce') order by j.seq desc limit 100`,
      [instance],
    );
    return rows.map(({ at, host, event, says }) => ({
      at,
      source: "journal",
      text: `${event} on ${host}: ${says}`,
    }));
  }

  async function requestsOf(instance: InstanceId): Promise<readonly string[]> {
    const rows = await database.query<{ id: string }>(
      "select distinct request_id as id from journal where subject = $1 and request_id is not null",
      [instance],
    );
    return rows.map(({ id }) => id);
  }
}

/** Lines of the managers' own logs that name any of these. */
async function fromLogs(
  directory: string,
  needles: readonly string[],
): Promise<readonly TraceLine[]> {
  const names = await readdir(directory).catch(() => []);
  const lines: TraceLine[] = [];
  for (const name of names.filter((file) => /^manager.*\.log$/.test(file))) {
    const text = await readFile(join(directory, name), "utf8");
    for (const line of text.split("\n"))
      if (needles.some((needle) => line.includes(needle))) lines.push(...parseLine(line));
  }
  return lines;
}

const LogLine = z.looseObject({ time: z.number(), msg: z.string().default("") });

function parseLine(line: string): readonly TraceLine[] {
  try {
    const {
      time,
      msg,
      level: _,
      pid: __,
      hostname: ___,
      ...rest
    } = LogLine.parse(JSON.parse(line));
    const source = msg === "request" ? "api" : "manager";
    return [{ at: time, source, text: `${msg} ${JSON.stringify(rest)}` }];
  } catch {
    return []; // Half a line at the end of a file that is being written.
  }
}
