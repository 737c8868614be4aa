/** The answers to ../migration-api.ts. */
import type { HostId, InstanceId, MigrationId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import type { Sql } from "@holdfast/store/database";
import * as api from "../migration-api.ts";
import { bytesFromMbps, findMigration, pageOfMigrations } from "./migration-views.ts";
import { type RepeatDeps, repeats } from "./repeats.ts";
import { requestMigration } from "./request-migration.ts";
import { findInstance, viewInstances } from "./views.ts";
import type { Worker } from "./worker.ts";

export interface MigrationRouteDeps extends RepeatDeps {
  readonly worker: Worker;
}

export function migrationRoutes(deps: MigrationRouteDeps) {
  const { database, worker } = deps;
  const { newJob, once } = repeats(deps);
  return {
    migrateInstance: handle(api.migrateInstance, async ({ params, body, ...told }) => {
      const { project, instance: named } = params;
      const asked = JSON.stringify({ verb: "migrate", named, body });
      const begun = await once(project, told, asked, async () => {
        const { id } = await findInstance(database, project, named);
        const instance = id as InstanceId; // A view's id is plain text.
        const to = body.host === undefined ? undefined : await findHost(database, body.host);
        const job = newJob(project, "migrate", [instance], told, asked);
        const { bandwidthMbps, network, allowPostcopy: mayPostcopy } = body;
        await requestMigration(deps, {
          ...{ project, instance, to, network, mayPostcopy, job },
          why: "asked for",
          bytesPerSecond: bandwidthMbps === undefined ? undefined : bytesFromMbps(bandwidthMbps),
          actor: told.caller.name,
          requestId: told.requestId,
        });
        return job;
      });
      const [row] = await database.query<{ id: MigrationId }>(
        "select id from migration where job_id = $1",
        [begun.id],
      );
      if (!row) throw new Error(`job ${begun.id} began no migration`);
      return {
        job: begun.id as string,
        instances: [...(await viewInstances(database, begun.targets))],
        migration: await findMigration(database, project, row.id),
      };
    }),

    listMigrations: handle(api.listMigrations, ({ params, query }) =>
      pageOfMigrations(database, params.project, query),
    ),

    getMigration: handle(api.getMigration, ({ params }) =>
      findMigration(database, params.project, params.migration),
    ),

    abortMigration: handle(api.abortMigration, async ({ params, body: _, ...told }) => {
      const { project, migration: id } = params;
      const asked = JSON.stringify({ verb: "abort", id });
      const begun = await once(project, told, asked, async () => {
        const { instanceId, instance, state } = await findMigration(database, project, id);
        if (state !== "preparing" && state !== "copying") throw isOver(instance, state);
        const target = instanceId as InstanceId; // A view's id is plain text.
        const job = newJob(project, "abort", [target], told, asked);
        const order = {
          verb: "abort" as const,
          force: false,
          job: { id: job.id, kind: "abort" as const },
          requestId: told.requestId,
        };
        await worker.order({ instance: target, order, job, actor: told.caller.name });
        return job;
      });
      return { job: begun.id as string, migration: await findMigration(database, project, id) };
    }),
  };
}

/** By name or id. Rejects with `host_not_found`. */
async function findHost(sql: Sql, named: string): Promise<HostId> {
  const [row] = await sql.query<{ id: HostId }>(
    "select id from host where name = $1 or id = as_uuid($1)",
    [named],
  );
  if (row) return row.id;
  throw problem("not_found", "host_not_found", `There is no host ${named}.`, {
    fix: "See them: holdfast hosts",
  });
}

const isOver = (instance: string, state: string) =>
  problem("conflict", "not_migrating", `That migration of ${instance} is over: it is ${state}.`, {
    fix: `See what became of it: holdfast migrations --instance ${instance}`,
  });
