/**
 * The gate: who is calling, and whether they may, for every door of the manager.
 *
 * What a newcomer would get wrong: to refuse with "forbidden" what the caller may not even see. A project that is
 * not there and one of somebody else's get the same answer, so it is looked up first and judged then; only whoever
 * may see it is told that something more is not allowed.
 */
import type { OrganisationId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Caller, Permission } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { shared } from "@holdfast/store/reads";
import { mayDo, type ProjectPlace, seesPlatform } from "../core/may-do.ts";
import { type Credentials, credentials, isSame, readToken } from "./credentials.ts";
import type { Seal } from "./seal.ts";

export interface AccessDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly seal: Seal;
}

export interface Access {
  readonly credentials: Credentials;
  /** Who holds this token. Rejects with `unauthenticated`. */
  authenticate(authorization: string | undefined): Promise<Caller>;
  /** Rejects with `forbidden`. For what is in no project or organisation, or in any. */
  authorize(caller: Caller, needs: Permission): void;
  /**
   * The project of a name or id, for what is to be done in it. Rejects with `project_not_found`, also where the
   * caller may see nothing of it, and with `forbidden`.
   */
  projectOf(caller: Caller, nameOrId: string, needs: Permission): Promise<ProjectId>;
  /** The same, with `organisation_not_found`. */
  organisationOf(caller: Caller, nameOrId: string, needs: Permission): Promise<OrganisationId>;
}

export function access(deps: AccessDeps): Access {
  const { database } = deps;
  const known = credentials(deps);
  const placeOf = shared(async (nameOrId: string) => {
    const [row] = await database.query<ProjectPlace>(
      `select id, organisation_id as organisation from project where name = $1 or id::text = $1`,
      [nameOrId],
    );
    return row;
  });

  return {
    credentials: known,
    async authenticate(authorization) {
      const [, text] = /^Bearer\s+(\S{1,300})$/.exec(authorization ?? "") ?? [];
      const token = text && readToken(text);
      const holder = token && (await known.find(token.id));
      if (holder && isSame(holder.secret, token.secret)) return holder.caller;
      throw problem(
        "unauthenticated",
        "unauthenticated",
        text ? "This key is not valid." : "There is no key with this request.",
        {
          fix: "Send `Authorization: Bearer ACCESSKEY:SECRET`. On the manager's machine, holdfast up writes one for you.",
        },
      );
    },
    authorize(caller, needs) {
      if (!mayDo(caller, needs)) throw forbidden(caller, needs);
    },
    async projectOf(caller, nameOrId, needs) {
      const place = await placeOf(nameOrId);
      if (!place || !mayDo(caller, "project:read", place)) throw noProject(nameOrId);
      if (!mayDo(caller, needs, place)) throw forbidden(caller, needs);
      return place.id;
    },
    async organisationOf(caller, nameOrId, needs) {
      const [row] = await database.query<{ id: OrganisationId }>(
        "select id from organisation where name = $1 or id::text = $1",
        [nameOrId],
      );
      const place = row && { id: undefined, organisation: row.id };
      if (!place || !mayDo(caller, "organisation:read", place)) throw noOrganisation(nameOrId);
      if (!mayDo(caller, needs, place)) throw forbidden(caller, needs);
      return place.organisation;
    },
  };
}

/** The projects that the caller may see; undefined for those who see the whole platform. */
export async function visibleProjects(
  sql: Sql,
  caller: Caller,
): Promise<readonly ProjectId[] | undefined> {
  if (seesPlatform(caller)) return undefined;
  const rows = await sql.query<ProjectPlace>(
    `select id, organisation_id as organisation from project
     where id = any($1) or organisation_id = any($2) or $3 order by name`,
    [
      caller.grants.flatMap((grant) => (grant.on === "project" ? [grant.id] : [])),
      caller.grants.flatMap((grant) => (grant.on === "organisation" ? [grant.id] : [])),
      caller.grants.some(({ on }) => on === "platform"),
    ],
  );
  return rows.filter((place) => mayDo(caller, "project:read", place)).map(({ id }) => id);
}

export const noProject = (name: string) =>
  problem("not_found", "project_not_found", `There is no project ${name}.`, {
    fix: "See those you may use: holdfast projects",
  });

export const noOrganisation = (name: string) =>
  problem("not_found", "organisation_not_found", `There is no organisation ${name}.`, {
    fix: "See those you may use: holdfast organisations",
  });

function forbidden({ name, only }: Caller, needs: Permission) {
  const whose =
    only === undefined ? `${name} has no role that allows it` : "this key is for one project only";
  return problem("forbidden", "forbidden", `This needs \`${needs}\`, and ${whose}.`, {
    fix:
      only === undefined
        ? "Ask an owner for a role that does: holdfast roles"
        : "Use a key that is not limited to a project: holdfast keys",
    facts: { needs },
  });
}
