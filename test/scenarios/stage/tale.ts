/**
 * The story of a day, from the journal: who, what, from where to where, why, and what proved it.
 *
 * Only what is causally ordered is told in order. Between two of the script's own lines the journal is told
 * by subject, hosts first, each in its own order; so a busy machine tells the same story as an idle one.
 */
import type { Database } from "@holdfast/store/database";

export interface Tale {
  /** Something that the script did. */
  did(line: string): void;
  /** What has been written down since. */
  hear(): Promise<void>;
  /** Pass over what has been written down since. */
  skip(): Promise<void>;
  text(): string;
}

interface Row {
  readonly seq: number;
  readonly kind: "host" | "instance";
  readonly name: string;
  readonly event: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly generation: number | null;
  readonly cause: string | null;
  readonly proof: string | null;
  readonly epoch: number | null;
  /** For a start: where, and where it was before. */
  readonly where: string | null;
  readonly before: string | null;
}

export function newTale(database: Database): Tale {
  const lines: string[] = [];
  /** What has been heard since the script last did something, by subject. */
  const subjects = new Map<string, string[]>();
  let last = 0;
  return {
    did(line) {
      lines.push(...heard(), line);
      subjects.clear();
    },
    async skip() {
      last = (await read(database, last)).at(-1)?.seq ?? last;
    },
    async hear() {
      const rows = await read(database, last).catch(() => []); // It may be the database that is away.
      last = rows.at(-1)?.seq ?? last;
      for (const row of rows) {
        const key = subjectOf(row);
        const told = subjects.get(key) ?? [];
        const line = lineOf(row);
        if (told.at(-1) === foundAgain(row))
          told.splice(-1, 1, lineOf({ ...row, from: "lost" }) ?? "");
        else if (told.at(-1) === stoodStill(row)) {
          const passed = row.to === "emptying" ? undefined : lineOf({ ...row, from: "emptying" });
          told.splice(-1, 1, ...(passed === undefined ? [] : [passed]));
        } else if (line !== undefined && told.at(-1) !== line) told.push(line);
        subjects.set(key, told);
      }
    },
    text: () => `${[...lines, ...heard()].join("\n")}\n`,
  };

  function heard(): readonly string[] {
    return [...subjects].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, told]) => told);
  }
}

/**
 * What may come before this end: that it is there, and how it ended, are said at once by a host that is back,
 * and may be taken in together or one after the other. It is told as if together.
 */
const foundAgain = ({ name, event, from }: Row) =>
  event === "exitObserved" && from === "running" ? `  ${name}: lost → running, reattached` : "";

/**
 * Work on a host is a subject of its own: it looks at the host once a second, and what it sees first when the
 * host comes back depends on when. "host" sorts before "instance".
 */
const subjectOf = ({ kind, name, event }: Row) =>
  event === "maintenance" ? `${kind} ${name}, ${event}` : `${kind} ${name}`;

/** What stood in its way for a moment: whether the work saw it depends on when it looked, too. */
const stoodStill = ({ name, event, from }: Row) =>
  event === "maintenance" && from === "blocked" ? `  ${name}: emptying → blocked, maintenance` : "";

function lineOf(row: Row): string | undefined {
  const { name, event, from, to } = row;
  if (!from || !to) return undefined; // Nothing has changed.
  const change = from === to ? from : `${from} → ${to}`;
  const about = aboutOf(row);
  return `  ${name}: ${change}, ${event}${about ? `: ${about}` : ""}`;
}

function aboutOf({ event, cause, proof, epoch, where, before, generation }: Row): string {
  if (event === "start" || event === "autoStart") {
    const place = before === null ? `on ${where}` : where === before ? "in place" : "elsewhere";
    return `generation ${generation}, ${place}`;
  }
  if (event === "switched") return `generation ${generation}, on ${where}`;
  if (event === "admitted") return `epoch ${epoch}`;
  return proof ?? cause ?? "";
}

const read = (database: Database, after: number) =>
  database.query<Row>(
    `select j.seq, j.kind, coalesce(h.name, i.name) as name, j.event, j.from_state as "from", j.to_state as "to",
       j.generation, j.detail->>'class' as cause, j.detail->>'proof' as proof, (j.detail->>'epoch')::int as epoch,
       (select x.name from incarnation c join host x on x.id = c.host_id
        where c.instance_id = i.id and c.generation = j.generation) as "where",
       (select x.name from incarnation c join host x on x.id = c.host_id
        where c.instance_id = i.id and c.generation = j.generation - 1) as "before"
     from journal j left join host h on h.id = j.subject and j.kind = 'host'
       left join instance i on i.id = j.subject and j.kind = 'instance'
     where j.seq > $1 and j.kind in ('host', 'instance') and coalesce(h.name, i.name) is not null
     order by j.seq`,
    [after],
  );
