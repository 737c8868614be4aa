/**
 * The gate: who is calling, and whether they may, for every door of the manager.
 *
 * What a newcomer would get wrong: to refuse with "forbidden" what the caller may not even see. A project that is
 * not there and one of somebody else's get the same answer, so it is looked up first and judged then; only whoever
 * may see it is told that something more is not allowed.
 */
import type { OrganisationId, ProjectId } from "@holdfast/kernel/ids";
import { Problem, problem } from "@holdfast/kernel/problem";
import type { Caller, Permission } from "@holdfast/kernel/route";
import type { Duration } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { shared } from "@holdfast/store/reads";
import { buckets, type Pace, partOf } from "../core/bucket.ts";
import { mayDo, type ProjectPlace, seesPlatform } from "../core/may-do.ts";
import { roleNames, roles } from "../core/roles.ts";
import { sourceOf } from "../core/source.ts";
import { type Credentials, credentials, isSame, readToken } from "./credentials.ts";
import type { Seal } from "./seal.ts";
import { isCsrf, type SessionDeps, type Sessions, secretIn, sessions } from "./sessions.ts";

export interface AccessDeps extends SessionDeps {
  readonly seal: Seal;
  /** How many requests a second one key or session may make, and how many at once. */
  readonly pace: () => Pace;
  /** The same for one address (of IPv6: one /64) from which requests come without a good one. */
  readonly paceOfNobody: () => Pace;
  /** How many managers there are: each allows its part of both. */
  readonly managers: () => number;
}

/** How somebody says who they are. */
export interface Claim {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** It asks for more than reading. */
  readonly isChange: boolean;
  /** The address it comes from. */
  readonly source: string;
}

export interface Access {
  readonly credentials: Credentials;
  readonly sessions: Sessions;
  /** Who asks, by key or by session. Rejects with `unauthenticated`, `csrf_missing` and `rate_limited`. */
  authenticate(claim: Claim): Promise<Caller>;
  /** Call for every request that is not authenticated here. Rejects with `rate_limited`. */
  admit(caller: Caller): void;
  /** The same for those of nobody who is known, by the address they come from. */
  admitNobody(source: string): void;
  /** Rejects with `forbidden`. For what is in no project or organisation, or in any. */
  authorize(caller: Caller, needs: Permission): void;
  /** Which project is called so. To be given to `projectOf`, by whoever would not wait to know who asks. */
  placeOf(nameOrId: string): Promise<ProjectPlace | undefined>;
  /**
   * The project of a name or id, for what is to be done in it. Rejects with `project_not_found`, also where the
   * caller may see nothing of it, and with `forbidden`. `place`: as it was looked up for this request.
   */
  projectOf(
    caller: Caller,
    nameOrId: string,
    needs: Permission,
    place?: Promise<ProjectPlace | undefined>,
  ): Promise<ProjectId>;
  /** The same, with `organisation_not_found`. */
  organisationOf(caller: Caller, nameOrId: string, needs: Permission): Promise<OrganisationId>;
}

export function access(deps: AccessDeps): Access {
  const { database, clock } = deps;
  const known = credentials(deps);
  const signedIn = sessions(deps);
  const paces = buckets();
  const pacesOfNobody = buckets();
  const placeOf = shared(async (nameOrId: string) => {
    const [row] = await database.lookUps.query<ProjectPlace>(
      `select id, organisation_id as organisation from project where name = $1 or id = as_uuid($1)`,
      [nameOrId],
    );
    return row;
  });

  return {
    credentials: known,
    sessions: signedIn,
    async authenticate(claim) {
      const caller = await callerOf(claim).catch((error: unknown) => {
        if (error instanceof Problem && error.kind === "unauthenticated") admitNobody(claim.source);
        throw error;
      });
      admit(caller);
      return caller;
    },
    admit,
    admitNobody,
    authorize(caller, needs) {
      if (!mayDo(caller, needs)) throw forbidden(caller, needs);
    },
    placeOf,
    async projectOf(caller, nameOrId, needs, asked = placeOf(nameOrId)) {
      const place = await asked;
      if (!place || !mayDo(caller, "project:read", place)) throw noProject(nameOrId);
      if (!mayDo(caller, needs, place)) throw forbidden(caller, needs);
      return place.id;
    },
    async organisationOf(caller, nameOrId, needs) {
      const [row] = await database.query<{ id: OrganisationId }>(
        "select id from organisation where name = $1 or id = as_uuid($1)",
        [nameOrId],
      );
      const place = row && { id: undefined, organisation: row.id };
      if (!place || !mayDo(caller, "organisation:read", place)) throw noOrganisation(nameOrId);
      if (!mayDo(caller, needs, place)) throw forbidden(caller, needs);
      return place.organisation;
    },
  };

  function admit(caller: Caller): void {
    const wait = paces.take(caller.by.id, partOf(deps.pace(), deps.managers()), clock.now());
    if (wait !== undefined) throw tooFast(wait);
  }

  function admitNobody(source: string): void {
    const pace = partOf(deps.paceOfNobody(), deps.managers());
    const wait = pacesOfNobody.take(sourceOf(source), pace, clock.now());
    if (wait !== undefined) throw tooFast(wait);
  }

  async function callerOf({ headers, isChange }: Claim): Promise<Caller> {
    const text = one(headers.authorization);
    const secret = text === undefined ? secretIn(one(headers.cookie)) : undefined;
    if (secret === undefined) return byKey(text);
    const caller = await signedIn.find(secret);
    if (!caller)
      throw problem("unauthenticated", "unauthenticated", "This session is over.", {
        fix: "Sign in again.",
      });
    if (isChange && !isCsrf(secret, one(headers["x-holdfast-csrf"]) ?? "")) throw noCsrf();
    return caller;
  }

  async function byKey(authorization: string | undefined): Promise<Caller> {
    const text = bearerIn(authorization);
    const token = text && readToken(text);
    const holder = token && (await known.find(token.id));
    if (holder && isSame(holder.secret, token.secret)) return holder.caller;
    throw problem(
      "unauthenticated",
      "unauthenticated",
      text ? "This key is not valid." : "There is no key with this request.",
      {
        fix: "Send `Authorization: Bearer ACCESSKEY:SECRET`. With a password: holdfast login. On the manager's machine, as root: holdfast keys recover.",
      },
    );
  }
}

const bearerIn = (authorization: string | undefined) =>
  /^Bearer\s+(\S{1,300})$/.exec(authorization ?? "")?.[1];

/** Whether a request says who asks in a form that could be true. Nothing is looked up for that. */
export function saysWho({ authorization, cookie }: Claim["headers"]): boolean {
  if (authorization === undefined) return secretIn(one(cookie)) !== undefined;
  return readToken(bearerIn(one(authorization)) ?? "") !== undefined;
}

const one = (value: string | string[] | undefined) =>
  typeof value === "string" ? value : undefined;

export const tooFast = (wait: Duration) =>
  problem("limited", "rate_limited", "That is more than one may ask for in so short a time.", {
    fix: "Wait as long as it says, and ask less often.",
    retryAfterSeconds: Math.max(1, Math.ceil(wait / 1_000)),
  });

const noCsrf = () =>
  problem("forbidden", "csrf_missing", "A page that changes something must say that it means to.", {
    fix: "Send the `csrf` of the session as x-holdfast-csrf.",
  });

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

const noProject = (name: string) =>
  problem("not_found", "project_not_found", `There is no project ${name}.`, {
    fix: "See those you may use: holdfast projects",
  });

export const noOrganisation = (name: string) =>
  problem("not_found", "organisation_not_found", `There is no organisation ${name}.`, {
    fix: "See those you may use: holdfast organisations",
  });

const rolesThat = (needs: Permission) =>
  roleNames.filter((name) => (roles[name].may as readonly Permission[]).includes(needs));

function forbidden({ name, only }: Caller, needs: Permission) {
  const whose =
    only === undefined ? `${name} has no role that allows it` : "this key is for one project only";
  return problem("forbidden", "forbidden", `This needs \`${needs}\`, and ${whose}.`, {
    fix:
      only === undefined
        ? `Ask an owner for a role that does (${rolesThat(needs).join(", ")}): holdfast roles`
        : "Use a key that is not limited to a project: holdfast keys",
    facts: { needs },
  });
}
