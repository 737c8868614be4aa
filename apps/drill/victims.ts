/** Guests that are to die: what they were, and what became of each, as the platform wrote it down. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@holdfast/client/client";
import { type DeathView, getDeath } from "@holdfast/cloud/deaths/api";
import { getInstance, type InstanceView, listInstanceEvents } from "@holdfast/cloud/instances/api";
import { Problem } from "@holdfast/kernel/problem";
import type { Before, JournalEvent } from "./timeline.ts";

export interface Victim extends Before {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly host: string | null;
}

/** Often enough to be exact to a frame, seldom enough to be no load; milliseconds. */
const glance = 50;

export async function victimOf(client: Client, instance: InstanceView): Promise<Victim> {
  const { id, name, project, generation, host } = instance;
  const events = await journalOf(client, { id, project }, 0);
  return { id, name, project, host, generation, seq: events.at(-1)?.seq ?? 0 };
}

/** Its journal after a line, whole. */
export async function journalOf(
  client: Client,
  { id, project }: Pick<Victim, "id" | "project">,
  after: number,
): Promise<readonly JournalEvent[]> {
  const all: JournalEvent[] = [];
  for (;;) {
    const query = { after: all.at(-1)?.seq ?? after, limit: 1_000 };
    const { events } = await client.call(listInstanceEvents, {
      params: { project, instance: id },
      query,
    });
    all.push(...events);
    if (events.length < query.limit) return all;
  }
}

/** Looks until it is so, or the time is over; a manager that is away is asked again. Milliseconds. */
export async function watch(
  client: Client,
  { id, project }: Pick<Victim, "id" | "project">,
  isSo: (now: InstanceView) => boolean,
  within: number,
): Promise<InstanceView | undefined> {
  const until = performance.now() + within;
  let last: InstanceView | undefined;
  while (performance.now() < until) {
    const now = await orAway(client.call(getInstance, { params: { project, instance: id } }));
    if (now) last = now;
    if (now && isSo(now)) return now;
    await sleep(glance);
  }
  return last;
}

/** Until it is up again as a new generation, or nobody will start it any more. */
export const untilBack = (client: Client, victim: Victim, within: number) =>
  watch(
    client,
    victim,
    ({ generation, guest, state }) =>
      (generation > victim.generation && guest === "up") || state === "failed",
    within,
  );

export async function deathOf(
  client: Client,
  { id, project, generation }: Victim,
): Promise<DeathView | undefined> {
  const params = { project, instance: id };
  const why = await client.call(getDeath, { params, query: { generation } }).catch((error) => {
    if (error instanceof Problem && error.code === "death_not_found") return undefined;
    throw error;
  });
  return why?.death ?? undefined;
}

/** Undefined while the manager cannot answer. */
export async function orAway<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Problem && error.kind === "unavailable") return undefined;
    throw error;
  }
}
