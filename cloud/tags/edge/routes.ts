/** The answers to ../api.ts. Every change is one transaction with its row in the journal. */
import type { OrganisationId, ProjectId } from "@holdfast/kernel/ids";
import { handle } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import * as api from "../api.ts";
import { changeTags, findThing } from "./change.ts";
import { readRequiredTags, readTags } from "./tags.ts";

export interface TagRouteDeps {
  readonly database: Database;
  readonly clock: Clock;
}

export function tagRoutes({ database, clock }: TagRouteDeps) {
  return {
    changeTags: handle(api.changeTags, async ({ params, body, caller, requestId }) => {
      const { project } = params;
      return database.transaction(async (sql) => {
        const found = await findThing(sql, project, body.kind, body.thing);
        const change = { set: body.set, remove: body.remove.map((key) => ({ key })) };
        const told = { at: clock.now(), actor: caller.name, requestId };
        await changeTags(sql, project, [found], change, told);
        return { tags: await readTags(sql, found.id) };
      });
    }),

    listRequiredTags: handle(api.listRequiredTags, ({ params }) => requiredIn(params.project)),

    setRequiredTags: handle(api.setRequiredTags, async ({ params, body, caller, requestId }) => {
      await require({ project: params.project }, body.tags, caller.name, requestId);
      return requiredIn(params.project);
    }),

    setOrganisationRequiredTags: handle(
      api.setOrganisationRequiredTags,
      async ({ params, body, caller, requestId }) => {
        await require({ organisation: params.organisation }, body.tags, caller.name, requestId);
        return { tags: body.tags };
      },
    ),
  };

  async function requiredIn(project: ProjectId) {
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
      const entry = { at: clock.now(), kind: "access" } as const;
      const subject = project ?? organisation ?? "";
      const told = { subject, event: "tagsRequired", detail: { tags: distinct } };
      await appendJournal(sql, [{ ...entry, ...told, actor, requestId }]);
    });
  }
}
