/** The answers to ../api.ts. */
import type { ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import { iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import * as api from "../api.ts";
import {
  endWithoutDeath,
  findDeath,
  findSubject,
  lastOrder,
  pageOfDeaths,
  pageOfFleetDeaths,
  type Subject,
} from "./reads.ts";

export function deathRoutes(sql: Sql) {
  return {
    getDeath: handle(api.getDeath, ({ params, query }) =>
      why(sql, params.project, params.instance, query.generation),
    ),
    listDeaths: handle(api.listDeaths, async ({ params, query }) => {
      const { id } = await findSubject(sql, params.project, params.instance);
      return pageOfDeaths(sql, id, query);
    }),
    listFleetDeaths: handle(api.listFleetDeaths, ({ query }) => pageOfFleetDeaths(sql, query)),
  };
}

async function why(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
  generation?: number,
): Promise<api.WhyView> {
  const subject = await findSubject(sql, project, nameOrId);
  const { id, name, state, desired } = subject;
  const [death, order] = await Promise.all([
    findDeath(sql, id, generation),
    lastOrder(sql, id, generation),
  ]);
  const base = { instance: id, name, state, desired, generation: generation ?? subject.generation };
  // A command that came before the last death did not end it for good.
  const isOrdered =
    order !== undefined && (!death || order.at > death.recordedAt) && hasEnded(subject);
  if (generation !== undefined && !death) {
    const endedAt = await endWithoutDeath(sql, id, generation);
    if (endedAt === undefined) throw noDeath(subject, generation);
    const by = order ? `as ${order.actor} asked (${order.verb})` : "as asked";
    return {
      ...base,
      death: null,
      order: order ?? null,
      says: `Generation ${generation} of ${name} was ended ${by} at ${iso(endedAt)}.`,
    };
  }
  return {
    ...base,
    death: death ?? null,
    order: isOrdered ? order : null,
    says: isOrdered
      ? `${name} was ${past[order.verb] ?? "ended"} by ${order.actor} at ${iso(order.at)}.`
      : death
        ? death.says
        : `${name} has not died.`,
  };
}

const hasEnded = ({ state }: Subject) =>
  ["stopping", "stopped", "failed", "destroyed", "expunging", "expunged"].includes(state);

const past: Readonly<Record<string, string>> = {
  stop: "stopped",
  destroy: "destroyed",
  relaunch: "ended to be started anew",
};

const noDeath = ({ name }: Subject, generation: number) =>
  problem("not_found", "death_not_found", `Generation ${generation} of ${name} has not ended.`, {
    fix: `See what happened to it: holdfast events ${name}`,
  });
