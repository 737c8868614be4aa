/**
 * Single sign-on with OpenID Connect: authorization code with PKCE, and what a provider's groups are worth here.
 *
 * What comes back from the provider is believed only as far as the library has checked it: issuer, audience, signature,
 * times, nonce. The state is a row that is deleted when it comes back, so a second coming finds nothing; and it must be
 * in a cookie as well, or somebody could have another's browser finish what they began, and be signed in there as
 * themselves. Roles that a provider gives are put in place anew at each sign-in; what people here have given is left alone.
 */
import { createHash } from "node:crypto";
import type { AccountId, MintId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Clock, type Instant, iso, minutes } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import * as oidc from "openid-client";
import type { SignOnView } from "../api.ts";
import { roles } from "../core/roles.ts";
import { isSame } from "./credentials.ts";
import type { Seal } from "./seal.ts";
import type { Begun, From, Known, Sessions } from "./sessions.ts";

export interface SignOnDeps {
  readonly database: Database;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly seal: Seal;
  readonly mintId: MintId;
}

export interface SingleSignOn {
  /** Where to send the browser, and what it must bring back. Rejects with `sign_on_unset` and `sign_on_failed`. */
  begin(redirect: string): Promise<{ readonly location: string; readonly state: string }>;
  /** It has come back to this address. Rejects with `sign_on_refused` and `sign_on_failed`. */
  finish(returned: URL, brought: string | undefined, from: From): Promise<Begun>;
}

export interface Provider {
  readonly issuer: string;
  readonly clientId: string;
  readonly sealed: Buffer;
  readonly nameClaim: string;
  readonly groupClaim: string;
  /** Beside `openid`. Null: what is usual, of what it knows. */
  readonly scopes: readonly string[] | null;
  readonly mapping: readonly Mapped[];
}

export interface Mapped {
  readonly group: string;
  readonly role: string;
  readonly organisation: string | null;
  readonly project: string | null;
}

/** How long people may take at the provider. */
const patience = minutes(10);
export const sealedFor = (issuer: string, clientId: string) =>
  `single-sign-on ${issuer} ${clientId}`;

export function singleSignOn(deps: SignOnDeps): SingleSignOn {
  const { database, sessions, clock, seal } = deps;

  return {
    async begin(redirect) {
      const provider = await mustBeSet(database);
      const config = await configOf(provider);
      const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
      const verifier = oidc.randomPKCECodeVerifier();
      await database.query("delete from sign_on where began_at < $1", [
        new Date(clock.now() - patience),
      ]);
      await database.query(
        "insert into sign_on (state, nonce, verifier, began_at) values ($1, $2, $3, $4)",
        [hashOf(state), nonce, verifier, iso(clock.now())],
      );
      const knowsGroups = config.serverMetadata().scopes_supported?.includes("groups");
      const usual = ["profile", "email", ...(knowsGroups ? ["groups"] : [])];
      const scope = [...new Set(["openid", ...(provider.scopes ?? usual)])].join(" ");
      const address = oidc.buildAuthorizationUrl(config, {
        ...{ redirect_uri: redirect, scope, state, nonce },
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      });
      return { location: address.href, state };
    },

    async finish(returned, brought, from) {
      const provider = await mustBeSet(database);
      const state = returned.searchParams.get("state") ?? "";
      if (brought === undefined || !isSame(brought, state))
        throw refused("this browser did not begin it, or has begun another since");
      const [known] = await database.query<{ nonce: string; verifier: string }>(
        "delete from sign_on where state = $1 and began_at >= $2 returning nonce, verifier",
        [hashOf(state), new Date(clock.now() - patience)],
      );
      if (!known) throw refused("nobody here began this sign-in, or it was too long ago");
      const config = await configOf(provider);
      const claims = await claimsOf(config, provider, returned, {
        ...{ expectedState: state, expectedNonce: known.nonce },
        ...{ pkceCodeVerifier: known.verifier, idTokenExpected: true },
      }).catch((error: unknown) => {
        throw troubleWith(provider.issuer, error);
      });
      return sessions.begin(await settle(deps, provider, claims, from), "sso", from);
    },
  };

  async function configOf({ issuer, clientId, sealed }: Provider): Promise<oidc.Configuration> {
    const secret = seal.open(sealed, sealedFor(issuer, clientId));
    const isPlain = issuer.startsWith("http://");
    return oidc
      .discovery(new URL(issuer), clientId, undefined, oidc.ClientSecretPost(secret), {
        timeout: 10,
        // The library leaves the signature alone where the token came over TLS, and trusts the way. We trust the key.
        execute: [
          oidc.enableNonRepudiationChecks,
          // Only an address of this machine may be asked in the clear; see mustBeSafe.
          ...(isPlain ? [oidc.allowInsecureRequests] : []),
        ],
      })
      .catch((error: unknown) => {
        throw failed(`The provider of single sign-on at ${issuer} does not answer as one.`, error);
      });
  }
}

type Claims = Readonly<Record<string, unknown>> & { readonly sub: string };

/** What the token says, and where that is not all, what the provider says when it is asked. */
async function claimsOf(
  config: oidc.Configuration,
  { nameClaim, groupClaim }: Provider,
  returned: URL,
  checks: oidc.AuthorizationCodeGrantChecks,
): Promise<Claims> {
  const tokens = await oidc.authorizationCodeGrant(config, returned, checks);
  const claims = tokens.claims();
  if (!claims) throw new Error("there is no id token, and one was expected");
  const saysAll = claims[nameClaim] !== undefined && claims[groupClaim] !== undefined;
  if (saysAll || !config.serverMetadata().userinfo_endpoint) return claims;
  const more = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  return { ...more, ...claims }; // What was signed has the last word.
}

/** Who it is here: made at the first sign-in, with the roles that its groups have now. */
async function settle(
  { database, clock, mintId }: SignOnDeps,
  { issuer, nameClaim, groupClaim, mapping }: Provider,
  claims: Claims,
  { requestId }: From,
): Promise<Known> {
  const called = claims[nameClaim];
  const name = (typeof called === "string" ? called : claims.sub).toLowerCase();
  if (!/^[a-z0-9][a-z0-9._@+-]{0,127}$/.test(name))
    throw refused(`the claim ${nameClaim} is no name that an account can have`);
  const groups = claims[groupClaim];
  const mine = new Set(Array.isArray(groups) ? groups.map(String) : [String(groups ?? "")]);
  return database.transaction(async (sql) => {
    const account = await ensureAccount(sql, { issuer, subject: claims.sub, name }, mintId, clock);
    await sql.query("delete from membership where account_id = $1 and source = 'sso'", [
      account.id,
    ]);
    for (const { role, organisation, project } of strongest(mapping, mine))
      await sql.query(
        `insert into membership (account_id, role, organisation_id, project_id, source, granted_by)
         values ($1, $2, $3, $4, 'sso', $5)`,
        [account.id, role, organisation, project, issuer],
      );
    const entry = { at: clock.now(), kind: "access", subject: account.id } as const;
    await appendJournal(sql, [{ ...entry, event: "signedOn", actor: account.name, requestId }]);
    return account;
  });
}

async function ensureAccount(
  sql: Sql,
  { issuer, subject, name }: { issuer: string; subject: string; name: string },
  mintId: MintId,
  clock: Clock,
): Promise<{ readonly id: AccountId; readonly name: string }> {
  type Row = { id: AccountId; name: string; isDisabled: boolean };
  const read = () =>
    sql.query<Row>(
      `select id, name, disabled_at is not null as "isDisabled" from account where issuer = $1 and subject = $2`,
      [issuer, subject],
    );
  let [row] = await read();
  if (!row) {
    // A name that somebody else has is not given to a stranger who claims it: that would be their account.
    await sql.query(
      `insert into account (id, kind, name, issuer, subject, created_at) values ($1, 'user', $2, $3, $4, $5)
       on conflict do nothing`,
      [mintId(), name, issuer, subject, iso(clock.now())],
    );
    [row] = await read();
  }
  if (!row) throw refused(`there is another account called ${name} here`);
  if (row.isDisabled) throw refused(`${row.name} is shut out`);
  return row;
}

/** One role on each thing: of several, the first in the table of roles. */
function strongest(mapping: readonly Mapped[], groups: ReadonlySet<string>): readonly Mapped[] {
  const rank = Object.keys(roles);
  const best = new Map<string, Mapped>();
  for (const one of mapping) {
    if (!groups.has(one.group)) continue;
    const on = one.project ?? one.organisation ?? "platform";
    const before = best.get(on);
    if (!before || rank.indexOf(one.role) < rank.indexOf(before.role)) best.set(on, one);
  }
  return [...best.values()];
}

/**
 * What another provider than this one has given ends: its roles, and the sessions of those who came by it. Without
 * one that is all of them.
 */
export async function withdraw(sql: Sql, issuer: string | null, at: Instant): Promise<void> {
  await sql.query(
    `delete from membership m using account a
     where a.id = m.account_id and m.source = 'sso' and a.issuer is distinct from $1`,
    [issuer],
  );
  await sql.query(
    `update session s set ended_at = $2 from account a
     where a.id = s.account_id and s.ended_at is null and s.by = 'sso' and a.issuer is distinct from $1`,
    [issuer, iso(at)],
  );
}

async function findProvider(sql: Sql): Promise<Provider | undefined> {
  const [row] = await sql.query<Provider>(
    `select issuer, client_id as "clientId", sealed, name_claim as "nameClaim", group_claim as "groupClaim", scopes, mapping
     from single_sign_on`,
    [],
  );
  return row;
}

export async function writeProvider(sql: Sql, provider: Provider): Promise<void> {
  await sql.query("delete from single_sign_on", []);
  await sql.query(
    `insert into single_sign_on (issuer, client_id, sealed, name_claim, group_claim, mapping, scopes)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [
      ...[provider.issuer, provider.clientId, provider.sealed, provider.nameClaim],
      ...[provider.groupClaim, JSON.stringify(provider.mapping), provider.scopes],
    ],
  );
}

/** With names in place of ids. */
export async function providerView(sql: Sql): Promise<SignOnView | null> {
  const provider = await findProvider(sql);
  if (!provider) return null;
  const ids = provider.mapping.flatMap(
    ({ organisation, project }) => organisation ?? project ?? [],
  );
  const rows = await sql.query<{ id: string; name: string }>(
    `select id, name from project where id = any(as_uuids($1))
     union all select id, name from organisation where id = any(as_uuids($1))`,
    [ids],
  );
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  const named = (id: string | null) => (id === null ? null : (names.get(id) ?? id));
  const { issuer, clientId, nameClaim, groupClaim, scopes, mapping } = provider;
  return {
    ...{ issuer, clientId, nameClaim, groupClaim, scopes: scopes && [...scopes] },
    mapping: mapping.map(({ group, role, organisation, project }) => ({
      ...{ group, role, organisation: named(organisation), project: named(project) },
    })),
  };
}

async function mustBeSet(sql: Sql): Promise<Provider> {
  const provider = await findProvider(sql);
  if (provider) return provider;
  throw problem("not_found", "sign_on_unset", "There is no single sign-on here.", {
    fix: "Sign in with a password, or set a provider: holdfast sso set",
  });
}

const hashOf = (state: string) => createHash("sha256").update(state).digest("hex");

const failed = (what: string, cause: unknown) =>
  problem(
    "unavailable",
    "sign_on_failed",
    what,
    { fix: "Sign in with a password, and check it: holdfast sso", retryAfterSeconds: 10 },
    cause,
  );

/** The provider's fault, or that of what was brought back from it. */
function troubleWith(issuer: string, error: unknown) {
  if (error instanceof oidc.AuthorizationResponseError)
    return refused(`the provider says ${plain(error.error)}`, error);
  if (error instanceof oidc.ResponseBodyError)
    return error.error === "invalid_client"
      ? failed(`The provider at ${issuer} does not know Holdfast by this id and secret.`, error)
      : refused(`the provider does not stand by it: ${plain(error.error)}`, error);
  const parts = [...causes(error)];
  const isAway = parts.some(
    (part) =>
      (part instanceof TypeError && part.message === "fetch failed") ||
      (part instanceof Response && part.status >= 500) ||
      ["OAUTH_TIMEOUT", "OAUTH_ABORT"].includes(String(Reflect.get(part, "code"))),
  );
  if (isAway) return failed(`The provider of single sign-on at ${issuer} does not answer.`, error);
  const claim = parts.map((part): unknown => Reflect.get(part, "claim")).find(Boolean);
  const what = typeof claim === "string" ? `its ${plain(claim)}` : "what the provider sent";
  return refused(`${what} is not what it must be`, error);
}

/** An error and what it came of. */
function* causes(error: unknown): Generator<object> {
  let part: unknown = error;
  for (let depth = 0; depth < 6 && typeof part === "object" && part !== null; depth++) {
    yield part;
    part = Reflect.get(part, "cause");
  }
}

/** What somebody else wrote, as much of it as a message can bear. */
const plain = (text: string) => text.replaceAll(/[^\w .:-]/g, "").slice(0, 80);

const refused = (why: string, cause?: unknown) =>
  problem(
    "unauthenticated",
    "sign_on_refused",
    `The sign-in was not accepted: ${why}.`,
    { fix: "Begin again. If it stays so, an owner finds more in the manager's log." },
    cause,
  );
