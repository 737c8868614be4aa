/**
 * One look at all planned work: hosts that are worked on, and events that are due.
 *
 * One manager at a time does it, the same for every manager, all in one transaction: a manager that is killed
 * in it has done nothing, and the next one does the same. What needs another's transaction, to move an
 * instance while it runs, is claimed here and ordered after the commit.
 */
import { remind } from "@holdfast/cloud/instances/edge";
import type { HostId, InstanceId, MintId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import { takeTurn } from "@holdfast/store/turns";
import { advance, fatesOf, type Step } from "../core/advance.ts";
import { carryOutEvents } from "./open-events.ts";
import { type OrderedMove, perform } from "./perform.ts";
import { maintenanceOf, readSite, readWork, type SiteDeps, type WorkRow } from "./worksites.ts";

export interface RoundDeps extends SiteDeps {
  readonly database: Database;
  readonly now: () => Instant;
  readonly mintId: MintId;
  readonly self: string;
}

export interface Rounded {
  /** Instances are due for a look, or their guests are to be told something. */
  readonly isChanged: boolean;
  /** What is wanted of these has changed. */
  readonly hosts: readonly HostId[];
  readonly moves: readonly OrderedMove[];
}

const nothing: Rounded = { isChanged: false, hosts: [], moves: [] };

export async function round(deps: RoundDeps): Promise<Rounded> {
  return deps.database.transaction(async (sql) => {
    const [found] = await sql.query<{ isAny: boolean }>(
      `select exists (select from maintenance where state <> 'ended')
         or exists (select from scheduled_event where state = 'active')
         or exists (select from errand) as "isAny"`,
      [],
    );
    if (!found?.isAny) return nothing;
    if (!(await takeTurn(sql, "events"))) return nothing;
    // An operator may end work at this very moment: locked first and read then, or what is over would be gone on with.
    await sql.query("select from maintenance where state <> 'ended' order by id for update", []);
    const now = deps.now();
    const held = new Set<InstanceId>();
    const decided: { readonly row: WorkRow; readonly steps: readonly Step[] }[] = [];
    for (const row of await readWork(sql)) {
      const work = { id: row.id, maintenance: maintenanceOf(row) };
      const site = await readSite(sql, deps, { id: row.host, mode: row.mode }, work, now);
      for (const { instance, obstacle } of fatesOf(site)) if (obstacle) held.add(instance);
      decided.push({ row, steps: advance(site) });
    }
    const carried = await carryOutEvents(sql, held, now);
    const touched = new Set(carried.instances);
    const journal: JournalRow[] = [...carried.journal];
    const hosts: HostId[] = [];
    const moves: OrderedMove[] = [];
    for (const { row, steps } of decided) {
      const done = await perform(sql, deps.mintId, row, steps, now);
      for (const id of done.instances) touched.add(id);
      if (done.isModeChanged) hosts.push(row.host);
      moves.push(...done.moves);
      journal.push(...done.journal);
    }
    const isReminded = await remind(sql, now);
    await appendJournal(sql, journal);
    const isChanged = isReminded || touched.size + hosts.length > 0;
    if (isChanged)
      await announce(sql, {
        ...{ from: deps.self, instances: [...touched], events: true },
        ...(hosts.length > 0 ? { hosts } : {}),
      });
    return { isChanged, hosts, moves };
  });
}
