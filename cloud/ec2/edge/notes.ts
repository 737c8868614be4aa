/** What clients have said of a thing, and will ask again: descriptions, names of devices. */
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

export interface Note {
  /** What the type was called when it was run: an alias. */
  readonly type?: string;
  readonly token?: string;
  /** What a reservation has in common. */
  readonly run?: string;
  readonly index?: number;
  /** Under which name a disk was asked for. */
  readonly device?: string;
  readonly description?: string;
  /** Detailed monitoring was asked for: a word that is kept, as there is one kind. */
  readonly isMonitored?: boolean;
  /** What its key pair was called when it was run, where that is no name of ours. */
  readonly key?: string;
  readonly zone?: string;
  /** The last change of a volume that was asked for, and what it had been. */
  readonly modified?: {
    readonly at: number;
    readonly from: {
      readonly size: number;
      readonly iops: number | null;
      readonly bytesPerSecond: number | null;
    };
  };
  /** What EC2's clients call it, where that is no name of ours. */
  readonly display?: string;
  readonly network?: string;
  /** What it was copied from. */
  readonly copyOf?: string;
}

/** For queries: the note of the thing of this column. */
export const noteOf = (id: string) => `(select x.detail from ec2_note x where x.subject = ${id})`;

/**
 * Of what a request has made: each of its notes, or one of them, says `mark`. Where it was made by the same request before,
 * everything stays as it is: resolves with whether it was not.
 */
export async function writeFirstNotes(
  sql: Sql,
  project: ProjectId,
  mark: "run" | "zone",
  notes: readonly { readonly subject: string; readonly note: Note }[],
): Promise<boolean> {
  const rows = await sql.query<{ isMarked: boolean }>(
    `insert into ec2_note as x (subject, project_id, detail)
     select s, $2, d::jsonb from unnest($1::uuid[], $3::text[]) as n (s, d)
     on conflict (subject) do update set detail = excluded.detail || x.detail where not x.detail ? $4::text
     returning detail ? $4::text as "isMarked"`,
    [
      notes.map(({ subject }) => subject),
      project,
      notes.map(({ note }) => JSON.stringify(note)),
      mark,
    ],
  );
  return rows.some(({ isMarked }) => isMarked);
}

/** What is known already stays, unless it is said anew. Of what is said twice the last counts. */
export async function writeNotes(
  sql: Sql,
  project: ProjectId,
  notes: readonly { readonly subject: string; readonly note: Note }[],
): Promise<void> {
  if (notes.length === 0) return;
  const last = [...new Map(notes.map(({ subject, note }) => [subject, note]))];
  await sql.query(
    `insert into ec2_note (subject, project_id, detail)
     select s, $2, d::jsonb from unnest($1::uuid[], $3::text[]) as n (s, d)
     on conflict (subject) do update set detail = ec2_note.detail || excluded.detail`,
    [last.map(([subject]) => subject), project, last.map(([, note]) => JSON.stringify(note))],
  );
}
