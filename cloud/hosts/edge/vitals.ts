/**
 * Takes in what agents say of their hosts' hardware, and writes it down when it has changed.
 *
 * It is said again with every checkup, so nearly all of what comes is known already: one read for all hosts that
 * have said something else, and a write only where it differs. What cannot be written is dropped; it comes again.
 * Compared with the row first, because the host may have spoken to another manager; what has been compared since it
 * connected here need not be again.
 */
import type { HostId } from "@holdfast/kernel/ids";
import type { Clock } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { latest } from "@holdfast/store/latest";
import { announce } from "@holdfast/store/news";

export interface VitalNotesDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly self: string;
  /** There are other reasons to avoid these hosts than before, or none any more. */
  readonly onChanged: (hosts: readonly HostId[]) => void;
  readonly onError: (error: unknown) => void;
}

export interface VitalNotes {
  heard(host: HostId, epoch: number, concerns: readonly string[]): void;
  /** It has connected anew, and may have spoken to another manager meanwhile. */
  arrived(host: HostId): void;
  close(): Promise<void>;
}

interface Heard {
  readonly epoch: number;
  readonly concerns: readonly string[];
}

interface Row {
  readonly id: HostId;
  readonly epoch: number;
  readonly concerns: readonly string[];
}

export function vitalNotes({
  database,
  clock,
  self,
  onChanged,
  onError,
}: VitalNotesDeps): VitalNotes {
  /** What each has said on this connection and is in its row. */
  const known = new Map<HostId, Heard>();
  const notes = latest<HostId, Heard>(async (batch) => {
    const changed = await record(batch);
    for (const [host, heard] of batch) known.set(host, heard);
    if (changed.length > 0) onChanged(changed);
  }, onError);

  return {
    heard(host, epoch, concerns) {
      const before = known.get(host);
      if (before?.epoch === epoch && isSame(before.concerns, concerns)) return;
      known.delete(host);
      notes.heard(host, { epoch, concerns });
    },
    arrived: (host) => known.delete(host),
    close: notes.close,
  };

  async function record(batch: ReadonlyMap<HostId, Heard>): Promise<readonly HostId[]> {
    const rows = await database.query<Row>(
      "select id, epoch, vital_concerns as concerns from host where id = any($1) order by id",
      [[...batch.keys()]],
    );
    const differing = rows.flatMap(({ id, epoch, concerns: before }) => {
      const { concerns, ...heard } = batch.get(id) ?? { epoch, concerns: before };
      return heard.epoch !== epoch || isSame(before, concerns) ? [] : [{ id, epoch, concerns }];
    });
    if (differing.length === 0) return [];
    return database.transaction(async (sql) => {
      // Not those that another manager has just written the same of, or that were fenced.
      const written = await sql.query<{ id: HostId; concerns: string[] }>(
        `with d as (select * from json_to_recordset($1::json) as r (id uuid, epoch int, concerns text[])),
           locked as (select h.id from host h join d on d.id = h.id order by h.id for update of h)
         update host h set vital_concerns = d.concerns from d, locked
         where h.id = locked.id and d.id = h.id and h.epoch = d.epoch and h.vital_concerns <> d.concerns
         returning h.id, h.vital_concerns as concerns`,
        [JSON.stringify(differing)],
      );
      const hosts = written.map(({ id }) => id);
      await appendJournal(
        sql,
        written.map(({ id, concerns }) => ({
          at: clock.now(),
          kind: "host",
          subject: id,
          event: "concernsChanged",
          actor: "holdfast",
          detail: { vitals: concerns },
        })),
      );
      if (hosts.length > 0) await announce(sql, { from: self, hosts });
      return hosts;
    });
  }
}

const isSame = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((one, index) => one === b[index]);
