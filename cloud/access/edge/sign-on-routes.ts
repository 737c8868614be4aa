/** The answers to ../api.ts about the provider of single sign-on. */
import { problem } from "@holdfast/kernel/problem";
import { type Caller, handle } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import * as api from "../api.ts";
import { type Access, noOrganisation } from "./access.ts";
import { defaultOrganisation } from "./accounts.ts";
import type { Seal } from "./seal.ts";
import { type Mapped, providerView, sealedFor, withdraw, writeProvider } from "./single-sign-on.ts";

export interface SignOnRouteDeps {
  readonly database: Database;
  readonly access: Access;
  readonly clock: Clock;
  readonly seal: Seal;
}

export function signOnRoutes({ database, access, clock, seal }: SignOnRouteDeps) {
  return {
    getSingleSignOn: handle(api.getSingleSignOn, async () => ({
      provider: await providerView(database),
    })),

    setSingleSignOn: handle(api.setSingleSignOn, async ({ body, caller, requestId }) => {
      const { issuer, clientId, clientSecret, nameClaim, groupClaim, scopes = null } = body;
      mustBeSafe(issuer);
      const mapping: Mapped[] = [];
      for (const one of body.mapping) mapping.push(await resolved(caller, one));
      const sealed = seal.close(clientSecret, sealedFor(issuer, clientId));
      await database.transaction(async (sql) => {
        await writeProvider(sql, {
          issuer,
          clientId,
          sealed,
          nameClaim,
          groupClaim,
          scopes,
          mapping,
        });
        await withdraw(sql, issuer, clock.now());
        await tell(sql, caller, requestId, "signOnSet", { issuer, clientId });
      });
      const view = await providerView(database);
      if (!view) throw new Error("the provider that was just set is not there");
      return view;
    }),

    removeSingleSignOn: handle(api.removeSingleSignOn, async ({ caller, requestId }) => {
      await database.transaction(async (sql) => {
        await sql.query("delete from single_sign_on", []);
        await withdraw(sql, null, clock.now());
        await tell(sql, caller, requestId, "signOnRemoved", {});
      });
      return { provider: null };
    }),
  };

  async function resolved(
    caller: Caller,
    { group, role, organisation, project }: Asked,
  ): Promise<Mapped> {
    const onOrganisation = organisation
      ? await access.organisationOf(caller, organisation, "organisation:read")
      : null;
    const onProject = project ? await access.projectOf(caller, project, "project:read") : null;
    if (onOrganisation && onProject) throw noOrganisation(`${organisation} in a project`);
    return { group, role, organisation: onOrganisation, project: onProject };
  }

  async function tell(sql: Sql, caller: Caller, requestId: string, event: string, detail: object) {
    const entry = { at: clock.now(), kind: "access", subject: defaultOrganisation } as const;
    await appendJournal(sql, [{ ...entry, event, actor: caller.name, requestId, detail }]);
  }
}

interface Asked {
  readonly group: string;
  readonly role: string;
  readonly organisation?: string | undefined;
  readonly project?: string | undefined;
}

/** In the clear only to this machine itself: anybody on the way could say who people are. */
function mustBeSafe(issuer: string): void {
  const { protocol, hostname } = new URL(issuer);
  if (protocol === "https:" || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)) return;
  throw problem("invalid", "invalid_request", "body.issuer: must be an https address.", {
    fix: "Give the https address of the provider.",
    faults: [{ field: "body.issuer", reason: "must be an https address" }],
  });
}
