/**
 * Pages of the journal, of all of it or of one project.
 *
 * A row does not say whose project its subject is in, so that is looked up for those that are read, and a page reads
 * so many at most: where a project is quiet and the platform is not, a page may show nothing and still lead on.
 */
import type { ProjectId } from "@holdfast/kernel/ids";
import { cursorOf } from "@holdfast/store/cursor";
import type { Sql } from "@holdfast/store/database";
import { beginning, journalEnd, type Place, readTail, type TailRow } from "@holdfast/store/tail";
import type { JournalView } from "../api.ts";

export interface JournalPage {
  readonly events: readonly JournalView[];
  readonly end: Place;
  /** There may be more already. */
  readonly isFull: boolean;
}

/** Rows that are read for a page of a project at most, whoever they are about. */
const mostRead = 5_000;

export async function pageOfJournal(
  sql: Sql,
  project: ProjectId | undefined,
  after: Place,
  limit: number,
): Promise<JournalPage> {
  if (!project) {
    const rows = await readTail(sql, after, limit);
    return { events: rows.map(viewOf), end: rows.at(-1) ?? after, isFull: rows.length === limit };
  }
  const rows = await readTail(sql, after, limit, {
    isShown: isOfProject,
    value: project,
    mostRead,
  });
  const shown = rows.filter(({ isShown }) => isShown);
  const read = rows.at(-1);
  return { events: shown.map(viewOf), end: read ?? after, isFull: read?.isLast === false };
}

/** Of the row `j`: it is about something of the project $4. */
export const isOfProject = `case j.kind
  when 'instance' then exists (select from instance t where t.id = j.subject and t.project_id = $4)
  when 'volume' then exists (select from volume t where t.id = j.subject and t.project_id = $4)
  when 'network' then j.subject = $4
    or exists (select from network t where t.id = j.subject and t.project_id = $4)
    or exists (select from security_group t where t.id = j.subject and t.project_id = $4)
  when 'image' then exists (select from image t where t.id = j.subject and t.project_id = $4)
  when 'job' then exists (select from job t where t.id = j.subject and t.project_id = $4)
  when 'alarm' then exists (select from alarm t where t.id = j.subject and t.project_id = $4)
  when 'window' then exists (select from event_window t where t.id = j.subject and t.project_id = $4)
  when 'key' then exists (select from ssh_key t where t.id = j.subject and t.project_id = $4)
  when 'access' then j.subject = $4
  else false end`;

function viewOf({ seq, at, kind, subject, event, actor, ...row }: TailRow): JournalView {
  return {
    ...{ seq, at, kind, subject, event, actor },
    from: row.from ?? null,
    to: row.to ?? null,
    generation: row.generation ?? null,
    requestId: row.requestId ?? null,
    job: row.job ?? null,
    detail: row.detail ?? null,
  };
}

const isKey = (value: unknown): value is [string, number] =>
  Array.isArray(value) &&
  value.length === 2 &&
  typeof value[0] === "string" &&
  /^\d{1,19}$/.test(value[0]) &&
  Number.isSafeInteger(value[1]) &&
  value[1] >= 0;

/** Where to begin, and how to say where a page ended. */
export async function placing(
  sql: Sql,
  project: ProjectId | undefined,
  { after, from }: { readonly after?: string | undefined; readonly from: "beginning" | "now" },
): Promise<{ readonly start: Place; next(end: Place): string }> {
  const cursor = cursorOf(`journal ${project ?? "of all"}`, isKey);
  const next = ({ xact, seq }: Place) => cursor.write([xact, seq]);
  if (after !== undefined) {
    const [xact, seq] = cursor.read(after);
    return { start: { xact, seq }, next };
  }
  return { start: from === "now" ? await journalEnd(sql) : beginning, next };
}
