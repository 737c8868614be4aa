/** The answers to ../api.ts. */
import type { ProjectId } from "@holdfast/kernel/ids";
import { handle } from "@holdfast/kernel/route";
import type { Ticks } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { readJournal, readProjectJournal } from "../api.ts";
import { journalBell } from "./bell.ts";
import { pageOfJournal, placing } from "./stream.ts";

export interface JournalRouteDeps {
  readonly database: Database;
  readonly ticks: Ticks;
}

interface Query {
  readonly after?: string | undefined;
  readonly from: "beginning" | "now";
  readonly limit: number;
  readonly waitSeconds: number;
}

/** `close` lets all who wait go, so that a manager that ends keeps nobody. */
export function journalRoutes({ database, ticks }: JournalRouteDeps) {
  const bell = journalBell(database);
  return {
    close: bell.close,
    routes: {
      readProjectJournal: handle(readProjectJournal, ({ params, query }) =>
        page(params.project, query),
      ),
      readJournal: handle(readJournal, ({ query }) => page(undefined, query)),
    },
  };

  async function page(project: ProjectId | undefined, { limit, waitSeconds, ...asked }: Query) {
    const until = ticks() + waitSeconds * 1_000;
    const { start, next } = await placing(database, project, asked);
    for (let place = start; ; ) {
      const { events, end, isFull } = await pageOfJournal(database, project, place, limit);
      const left = until - ticks();
      if (events.length > 0 || left <= 0) return { events: [...events], next: next(end) };
      // What it has read is not for this project, and need not be read again.
      place = end;
      if (!isFull) await bell.rung(place, left);
      if (ticks() >= until || bell.isClosed()) return { events: [], next: next(place) };
    }
  }
}
