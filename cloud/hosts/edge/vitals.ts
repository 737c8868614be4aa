/**
 * Takes in what agents say of their hosts' hardware, and writes it down when it has changed.
 *
 * It is said again with every checkup, so most of what comes is known already: one read for all hosts that
 * have just spoken, and a write only where it differs. What cannot be written is dropped; it comes again.
 * Compared with the row and not with what this manager remembers: the host may have spoken to another one.
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
  const notes = latest<HostId, Heard>(async (batch) => {
    const changed = await record(batch);
    if (changed.length > 0) onChanged(changed);
  }, onError);

  return {
    heard: (host, epoch, concerns) => notes.heard(host, { epoch, concerns }),
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
