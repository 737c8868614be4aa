/** The answers to ../api.ts. Every change is one transaction with its row in the journal. */
import type { Access } from "@holdfast/cloud/access/edge";
import type { ProjectId } from "@holdfast/kernel/ids";
import { handle } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import * as api from "../api.ts";
import { type Amounts, type Resource, resourceNames, resources } from "../core/quota.ts";
import { countUsed, readQuotas, writeQuota } from "./quotas.ts";

export interface QuotaRouteDeps {
  readonly database: Database;
  readonly access: Access;
  readonly clock: Clock;
}

export function quotaRoutes({ database, access, clock }: QuotaRouteDeps) {
  const entry = () => ({ at: clock.now(), kind: "access" }) as const;

  return {
    listQuotas: handle(api.listQuotas, async ({ params }) => ({
      quotas: await quotaViews(database, params.project, resourceNames),
    })),

    setQuota: handle(api.setQuota, async ({ body, caller, requestId }) => {
      const { resource, most } = body;
      const project = await access.projectOf(caller, body.project, "project:read");
      await database.transaction(async (sql) => {
        await writeQuota(sql, project, resource, most);
        const told = { subject: project, event: "quotaSet", detail: { resource, most } };
        await appendJournal(sql, [{ ...entry(), ...told, actor: caller.name, requestId }]);
      });
      const [view] = await quotaViews(database, project, [resource]);
      if (!view) throw new Error(`${resource} has no view`);
      return view;
    }),
  };
}

async function quotaViews(
  sql: Sql,
  project: ProjectId,
  names: readonly Resource[],
): Promise<api.QuotaView[]> {
  const [most, used] = await Promise.all([
    readQuotas(sql, project),
    countUsed(sql, [project], names),
  ]);
  const have: Amounts = used.get(project) ?? {};
  return names.map((resource) => ({
    ...{ resource, says: resources[resource].says },
    used: Math.round((have[resource] ?? 0) * 100) / 100,
    most: most[resource] ?? null,
  }));
}
