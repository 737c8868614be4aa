/**
 * Who is calling, and what they may touch: tokens, projects, and the answers to ../api.ts.
 *
 * A token is looked up by its hash, so the database holds nothing that could be used. What a caller may
 * not see is answered as if it did not exist.
 */
import { createHash } from "node:crypto";
import type { MintId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Caller, handle } from "@holdfast/kernel/route";
import { type Clock, iso } from "@holdfast/kernel/time";
import { brokenConstraint, type Database, type Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { shared } from "@holdfast/store/reads";
import { createProject, createToken, listProjects } from "../api.ts";

export interface AccessDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
  /** Unguessable text: 128 bits or more. */
  readonly mintSecret: () => string;
}

export interface Access {
  /** Who holds this token. Rejects with `unauthenticated`. */
  authenticate(authorization: string | undefined): Promise<Caller>;
  /** The project of a name or id. Rejects with `project_not_found`, also where it is not the caller's. */
  projectOf(caller: Caller, nameOrId: string): Promise<ProjectId>;
}

export const hashOfToken = (token: string) => createHash("sha256").update(token).digest("hex");

export function access({ database }: AccessDeps): Access {
  const holderOf = shared(async (hash: string) => {
    const [row] = await database.query<{ name: string; project: ProjectId | null }>(
      "select name, project_id as project from api_token where hash = $1 and revoked_at is null",
      [hash],
    );
    return row;
  });
  const idOf = shared(async (nameOrId: string) => {
    const [row] = await database.query<{ id: ProjectId }>(
      "select id from project where name = $1 or id::text = $1",
      [nameOrId],
    );
    return row?.id;
  });

  return {
    async authenticate(authorization) {
      const [, token] = /^Bearer\s+(\S{1,200})$/.exec(authorization ?? "") ?? [];
      const holder = token && (await holderOf(hashOfToken(token)));
      if (holder) return { name: holder.name, project: holder.project ?? undefined };
      throw problem(
        "unauthenticated",
        "unauthenticated",
        token ? "This token is not valid." : "There is no token with this request.",
        {
          fix: "Send `Authorization: Bearer TOKEN`. On the manager's machine, holdfast up writes one for you.",
        },
      );
    },
    async projectOf(caller, nameOrId) {
      const id = await idOf(nameOrId);
      if (id && (caller.project === undefined || caller.project === id)) return id;
      throw noProject(nameOrId);
    },
  };
}

const noProject = (name: string) =>
  problem("not_found", "project_not_found", `There is no project ${name}.`, {
    fix: "See those you may use: holdfast projects",
  });

export function accessRoutes({ database, clock, mintId, mintSecret }: AccessDeps) {
  return {
    listProjects: handle(listProjects, async () => ({
      projects: [
        ...(await database.query<{ id: string; name: string; createdAt: number }>(
          `select id, name, created_at as "createdAt" from project order by name`,
        )),
      ],
    })),
    createProject: handle(createProject, async ({ body, caller, requestId }) => {
      const id = mintId<"Project">();
      const createdAt = clock.now();
      try {
        await database.transaction(async (sql) => {
          await sql.query("insert into project (id, name, created_at) values ($1, $2, $3)", [
            id,
            body.name,
            iso(createdAt),
          ]);
          const entry = {
            at: createdAt,
            kind: "access",
            subject: id,
            event: "projectCreated",
          } as const;
          await appendJournal(sql, [{ ...entry, actor: caller.name, requestId, detail: body }]);
        });
      } catch (error) {
        if (brokenConstraint(error) !== "project_name_key") throw error;
        throw problem("conflict", "project_name_taken", `There is a project ${body.name}.`, {
          fix: "Choose another name.",
        });
      }
      return { id, name: body.name, createdAt };
    }),
    createToken: handle(createToken, async ({ body, caller, requestId }) => {
      const [project] = body.project
        ? await database.query<{ id: string }>("select id from project where name = $1", [
            body.project,
          ])
        : [];
      if (body.project && !project) throw noProject(body.project);
      const token = `hft_${mintSecret()}`;
      await database.transaction(async (sql) => {
        await saveToken(sql, token, body.name, project?.id);
        const entry = {
          at: clock.now(),
          kind: "access",
          subject: project?.id ?? everybody,
          event: "tokenCreated",
        } as const;
        await appendJournal(sql, [
          { ...entry, actor: caller.name, requestId, detail: { name: body.name } },
        ]);
      });
      return { token, name: body.name, project: body.project ?? null };
    }),
  };
}

/** An operator's token belongs to no project. */
const everybody = "00000000-0000-0000-0000-000000000000";

/** Safe to repeat: the same token is kept once. */
export async function saveToken(
  sql: Sql,
  token: string,
  name: string,
  project?: string,
): Promise<void> {
  await sql.query(
    "insert into api_token (hash, name, project_id) values ($1, $2, $3) on conflict do nothing",
    [hashOfToken(token), name, project ?? null],
  );
}

/** The project that commands mean when they name none. Safe to repeat. */
export async function ensureDefaultProject(sql: Sql, mintId: MintId): Promise<void> {
  await sql.query("insert into project (id, name) values ($1, 'default') on conflict do nothing", [
    mintId(),
  ]);
}
