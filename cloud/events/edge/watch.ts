/**
 * What a manager does about planned work all the time: rounds, and the moves that they order.
 *
 * Nothing is lost with a manager: each looks for itself every second, and whoever has the turn does it all.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { Problem } from "@holdfast/kernel/problem";
import { type Turns, turns } from "@holdfast/store/turns";
import type { OrderedMove } from "./perform.ts";
import { type RoundDeps, round } from "./round.ts";

export interface EventWatchDeps extends RoundDeps {
  /** After each commit: the fleet is another, and instances are due. */
  readonly onChanged: (hosts: readonly HostId[]) => void;
  readonly onError: (error: unknown) => void;
}

export function eventWatch(deps: EventWatchDeps): Turns {
  const ordering = new Set<Promise<void>>();
  const { changed, close } = turns(async () => {
    const { isChanged, hosts, moves } = await round(deps);
    if (isChanged) deps.onChanged(hosts);
    for (const move of moves) begin(move);
  }, deps.onError);

  return {
    changed,
    async close() {
      await close();
      await Promise.all(ordering);
    },
  };

  /** Not awaited: to order one takes a transaction of somebody else's, and the others need not wait. */
  function begin(move: OrderedMove): void {
    const ordered = order(move).catch(deps.onError);
    ordering.add(ordered);
    void ordered.finally(() => ordering.delete(ordered));
  }

  async function order({ maintenance, instance, to, why }: OrderedMove): Promise<void> {
    try {
      await deps.movers.migrate(instance, { to, why });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      // What is being done with its disks is worth waiting for, and says nothing about whether it can be moved.
      const isCounted = error.code !== "instance_busy";
      await deps.database.query(
        `update maintenance_move set says = $3, attempts = case when $4 then attempts else greatest(0, attempts - 1) end
         where maintenance_id = $1 and instance_id = $2`,
        [maintenance, instance, error.message, isCounted],
      );
    }
  }
}
