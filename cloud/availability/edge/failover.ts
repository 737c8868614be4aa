/**
 * What would happen if a host died now.
 *
 * Made from the very picture and the very rules that the real thing would use, at the moment of the
 * question. A plan that is kept ready would be older than one that is made, and no faster: choosing a host
 * takes microseconds.
 */
import { guestsOf } from "@holdfast/cloud/instances/edge";
import type { PicturePlacer } from "@holdfast/cloud/placement/edge";
import type { HostId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

export interface Move {
  readonly instance: string;
  readonly project: string;
  readonly id: string;
  readonly priority: number;
  readonly goes: string | null;
  readonly why: string;
}

export async function planMoves(
  sql: Sql,
  placer: PicturePlacer,
  host: HostId,
): Promise<readonly Move[]> {
  const guests = [...(await guestsOf(sql, host))].sort((a, b) => b.priority - a.priority);
  const movable = guests.filter(({ stays }) => stays === undefined);
  const choices = await placer.rehearse(
    sql,
    host,
    movable.map(({ id: instance, request }) => ({ instance, request })),
  );
  return guests.map(({ id, name, project, priority, stays }) => {
    const choice = choices.get(id);
    const goes = choice && "name" in choice ? choice.name : null;
    const why =
      stays ??
      (choice && "refused" in choice ? choice.refused.message : "chosen as a restart would choose");
    return { instance: name, project, id, priority, goes, why };
  });
}
