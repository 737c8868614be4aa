/** What planned work does not get on for. */
import type { Trouble, TroubleSource } from "@holdfast/cloud/checks";
import type { Database } from "@holdfast/store/database";
import { readWork, type WorkRow } from "./worksites.ts";

/** Operators only: what is planned for their instances, owners see among their events. */
export function eventTroubles(database: Database): TroubleSource {
  return async ({ project }) => {
    if (project !== undefined) return [];
    return (await readWork(database)).filter(({ state }) => state === "blocked").map(blocked);
  };
}

function blocked({ host, hostName, since, obstacles, reason }: WorkRow): Trouble {
  const [first] = obstacles;
  const more = obstacles.length > 1 ? ` And ${obstacles.length - 1} more.` : "";
  return {
    code: "maintenance-blocked",
    severity: "degraded",
    subject: { kind: "host", id: host, name: hostName },
    project: undefined,
    since,
    says: `It cannot be emptied (${reason}). ${first ? `${first.name}: ${first.says}` : ""}${more}`,
    affects: {
      count: obstacles.length,
      names: obstacles.slice(0, 20).map(({ name }) => name),
    },
    doing: "Everything else leaves it; each of these is looked at again every second.",
    fix: first?.fix,
  };
}
