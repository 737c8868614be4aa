/**
 * Keeps a picture as new as the rows of the hosts: reads what it was told to distrust, and finds what has changed
 * that nobody told of.
 *
 * News travels beside the database and may be late, so a refusal must not rest on it: before one is told, `catchUp`
 * asks for the rows that were written since the last time. Which those are is asked of the rows themselves
 * (`xmin`, the transaction that wrote one), so no writer can forget to say so; a column that counts changes
 * would have to be remembered by every statement that updates a host.
 *
 * One reading at a time, because of two that overlap the older one may arrive last. And what is read while a choice
 * on the same host is on its way into the database may hold that choice or not: it is read once more afterwards.
 */
import type { HostId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import type { HostCapacity, Picture } from "../index.ts";

export interface FleetReader {
  /** Read these hosts again before the next choice; without a list, all that have changed. */
  distrust(hosts?: readonly HostId[]): void;
  /** The picture is as new as anybody has told, and complete. */
  refresh(sql: Sql): Promise<void>;
  /** The picture is as new as the rows. Returns whether it was not before. */
  catchUp(sql: Sql): Promise<boolean>;
  /** The epoch that a host had when its row was read; 0 if it never was. */
  epochOf(host: HostId): number;
  /** From when a choice on this host may be in the database until the picture has been told how that ended. */
  begins(host: HostId): void;
  ends(host: HostId): void;
}

type Row = HostCapacity & {
  readonly epoch: number;
  /** Written by the transaction that reads it, which may still be undone. */
  readonly isOpen: boolean;
  /** Whatever is not in this reading was written by this transaction or a later one. */
  readonly since: string;
};

export function fleetReader(picture: Picture): FleetReader {
  const epochs = new Map<HostId, number>();
  const stale = new Set<HostId>();
  /** How many choices are on their way, by host. */
  const underway = new Map<HostId, number>();
  /** Those that were at any moment of the reading that is going on. */
  let doubtful: Set<HostId> | undefined;
  let isAllStale = true;
  let since: string | undefined;
  let last: Promise<unknown> = Promise.resolve();

  return {
    distrust(hosts) {
      if (!hosts || hosts.length === 0) isAllStale = true;
      else for (const host of hosts) stale.add(host);
    },
    refresh: (sql) =>
      inTurn(async () => {
        if (isAllStale) await readChanged(sql);
        else if (stale.size > 0) await readStale(sql);
      }),
    catchUp: (sql) => inTurn(() => readChanged(sql)),
    epochOf: (host) => epochs.get(host) ?? 0,
    begins(host) {
      underway.set(host, (underway.get(host) ?? 0) + 1);
      doubtful?.add(host);
    },
    ends(host) {
      const left = (underway.get(host) ?? 1) - 1;
      if (left > 0) underway.set(host, left);
      else underway.delete(host);
    },
  };

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  }

  async function readStale(sql: Sql): Promise<void> {
    await read([...stale], () => sql.query<Row>(`${columns} where h.id = any($1)`, [[...stale]]));
  }

  /** Everything, the first time. */
  async function readChanged(sql: Sql): Promise<boolean> {
    const before = since;
    const known = isAllStale;
    isAllStale = false;
    const { rows, isNew } = await read([...stale], () =>
      before === undefined
        ? sql.query<Row>(columns)
        : sql.query<Row>(`${columns} where h.id = any($1) or age(h.xmin) <= age($2::xid8::xid)`, [
            [...stale],
            before,
          ]),
    ).catch((error: unknown) => {
      isAllStale ||= known;
      throw error;
    });
    // Of none, nothing has changed since then either.
    since = rows[0]?.since ?? before;
    return isNew;
  }

  async function read(ids: readonly HostId[], query: () => Promise<readonly Row[]>) {
    doubtful = new Set(underway.keys());
    const asked = query();
    // Before the answer: what is distrusted meanwhile may be newer than what is being read.
    for (const id of ids) stale.delete(id);
    try {
      const rows = await asked;
      let isNew = false;
      for (const { epoch, isOpen, since: _, ...host } of rows) {
        isNew = picture.upsert(host) || isNew;
        epochs.set(host.id, epoch);
        if (isOpen || doubtful.has(host.id)) stale.add(host.id);
      }
      return { rows, isNew };
    } catch (error) {
      for (const id of ids) stale.add(id);
      throw error;
    } finally {
      doubtful = undefined;
    }
  }
}

const columns = `select h.id, h.name, c.pod, p.zone, h.cluster, h.cpus,
    h.tags || array(select 'pool:' || pool from unnest(h.pools) pool) as tags, h.memory_mib as "memoryMiB",
    h.reserved_cpus as "reservedCpus", h.reserved_memory_mib as "reservedMemoryMiB",
    h.state, h.mode, h.every_concern as concerns, h.epoch,
    coalesce(h.xmin = pg_current_xact_id_if_assigned()::xid, false) as "isOpen",
    pg_snapshot_xmin(pg_current_snapshot())::text as since
  from host h join cluster c on c.name = h.cluster join pod p on p.name = c.pod`;
