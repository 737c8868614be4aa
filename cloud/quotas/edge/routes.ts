/** The answers to ../api.ts. Every change is one transaction with its row in the journal. */
import type { Access } from "@holdfast/cloud/access/edge";
import type { OrganisationId, ProjectId } from "@holdfast/kernel/ids";
import { handle } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import * as api from "../api.ts";
import { type Amounts, type Resource, resourceNames, resources } from "../core/quota.ts";
import { countUsed, readQuotas, writeQuota } from "./quotas.ts";
import { readRequiredTags } from "./tags.ts";

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

    listRequiredTags: handle(api.listRequiredTags, ({ params }) => tagsOf(params.project)),

    setRequiredTags: handle(api.setRequiredTags, async ({ params, body, caller, requestId }) => {
      await require({ project: params.project }, body.tags, caller.name, requestId);
      return tagsOf(params.project);
    }),

    setOrganisationRequiredTags: handle(
      api.setOrganisationRequiredTags,
      async ({ params, body, caller, requestId }) => {
        await require({ organisation: params.organisation }, body.tags, caller.name, requestId);
        return { tags: body.tags };
      },
    ),
  };

  async function tagsOf(project: ProjectId) {
    const tags = await readRequiredTags(database, project);
    return { tags: tags.map(({ key, allowed }) => ({ key, allowed: allowed && [...allowed] })) };
  }

  /** Instead of those that were required there. */
  async function require(
    on: { readonly project: ProjectId } | { readonly organisation: OrganisationId },
    tags: readonly api.RequiredTagView[],
    actor: string,
    requestId: string,
  ): Promise<void> {
    const [project, organisation] = "project" in on ? [on.project, null] : [null, on.organisation];
    const distinct = [...new Map(tags.map((one) => [one.key, one])).values()];
    await database.transaction(async (sql) => {
      await sql.query(
        "delete from required_tag where project_id is not distinct from $1 and organisation_id is not distinct from $2",
        [project, organisation],
      );
      for (const { key, allowed } of distinct)
        await sql.query(
          "insert into required_tag (project_id, organisation_id, key, allowed) values ($1, $2, $3, $4)",
          [project, organisation, key, allowed],
        );
      const subject = project ?? organisation ?? "";
      const told = { subject, event: "tagsRequired", detail: { tags: distinct } };
      await appendJournal(sql, [{ ...entry(), ...told, actor, requestId }]);
    });
  }
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
