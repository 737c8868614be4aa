/**
 * Access keys: an id that everybody may see, and a secret that proves it. One for all doors: the native API takes
 * both as a bearer token, EC2's takes a signature that only the secret can have made.
 *
 * The rows are read at every request, together for all who ask at the same moment. Nothing is remembered, so a key
 * that was revoked a moment ago is refused.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { AccountId, OrganisationId, ProjectId } from "@holdfast/kernel/ids";
import type { Caller, Grant } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { shared } from "@holdfast/store/reads";
import type { Seal } from "./seal.ts";

export interface Credentials {
  /** Undefined for a key that is not known, is revoked or over, or whose account is shut out. */
  find(
    accessKeyId: string,
  ): Promise<{ readonly secret: string; readonly caller: Caller } | undefined>;
}

export interface KeySecret {
  readonly id: string;
  readonly secret: string;
}

/** Longer ones are nobody's, and need not be looked for. */
const keyIdShape = /^[A-Za-z0-9]{4,64}$/;

export function credentials({
  database,
  clock,
  seal,
}: {
  database: Database;
  clock: Clock;
  seal: Seal;
}): Credentials {
  const rowOf = shared((id: string) => readKey(database.lookUps, id));
  return {
    async find(id) {
      const row = keyIdShape.test(id) ? await rowOf(id) : undefined;
      if (!row || (row.expiresAt !== null && row.expiresAt <= clock.now())) return undefined;
      return {
        secret: seal.open(row.sealed, id),
        caller: {
          name: row.name,
          account: row.account,
          by: { kind: "key", id },
          grants: row.grants.map(grantOf),
          only: row.only ?? undefined,
        },
      };
    },
  };
}

interface KeyRow {
  readonly sealed: Buffer;
  readonly only: ProjectId | null;
  readonly expiresAt: number | null;
  readonly account: AccountId;
  readonly name: string;
  readonly grants: readonly GrantRow[];
}

export interface GrantRow {
  readonly role: string;
  readonly organisation: OrganisationId | null;
  readonly project: ProjectId | null;
}

/** What an account `a` has been given, as JSON. */
export const grantsOf = `(select coalesce(json_agg(json_build_object(
  'role', m.role, 'organisation', m.organisation_id, 'project', m.project_id)), '[]')
  from membership m where m.account_id = a.id)`;

async function readKey(sql: Sql, id: string): Promise<KeyRow | undefined> {
  const [row] = await sql.query<KeyRow>(
    `select k.sealed, k.project_id as only, k.expires_at as "expiresAt", a.id as account, a.name,
       ${grantsOf} as grants
     from access_key k join account a on a.id = k.account_id
     where k.id = $1 and k.revoked_at is null and a.disabled_at is null`,
    [id],
  );
  return row;
}

export function grantOf({ role, organisation, project }: GrantRow): Grant {
  if (project) return { role, on: "project", id: project };
  return organisation ? { role, on: "organisation", id: organisation } : { role, on: "platform" };
}

/** As `HOLDFAST_TOKEN` and `Authorization: Bearer` take it. */
export const tokenOf = ({ id, secret }: KeySecret) => `${id}:${secret}`;

/** What a bearer token says; undefined for what is none. */
export function readToken(token: string): KeySecret | undefined {
  const [, id, secret] = /^([A-Za-z0-9]{4,64}):([\x21-\x7e]{1,200})$/.exec(token) ?? [];
  return id && secret ? { id, secret } : undefined;
}

/** In the same time whatever they have in common. */
export const isSame = (one: string, other: string) => timingSafeEqual(digest(one), digest(other));
const digest = (text: string) => createHash("sha256").update(text).digest();

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** From unguessable text: an id as tools for EC2 expect one, and 256 bits of secret. */
export function newKey(mintSecret: () => string): KeySecret {
  const bytes = digest(mintSecret());
  const letters = Array.from(bytes.subarray(0, 18), (byte) => alphabet[byte % alphabet.length]);
  return {
    id: `HF${letters.join("")}`,
    secret: digest(mintSecret() + mintSecret())
      .toString("base64url")
      .slice(0, 40),
  };
}
