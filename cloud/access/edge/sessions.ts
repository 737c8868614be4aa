/**
 * People who have signed in: a cookie that only the browser has, and its hash here.
 *
 * A cookie is sent by whatever page makes the browser ask. So a request that changes something must also carry a word
 * that only a page of ours can have read (`csrf`), which follows from the cookie and is kept nowhere.
 */
import { createHash, createHmac } from "node:crypto";
import type { AccountId, MintId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Caller } from "@holdfast/kernel/route";
import {
  type Clock,
  type Duration,
  type Instant,
  iso,
  seconds,
  since,
} from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { shared } from "@holdfast/store/reads";
import type { SessionView } from "../api.ts";
import { type GrantRow, grantOf, grantsOf, isSame } from "./credentials.ts";

export interface SessionDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
  readonly mintSecret: () => string;
  readonly limits: () => { readonly idle: Duration; readonly longest: Duration };
}

export interface Begun {
  readonly id: string;
  /** For the cookie. */
  readonly secret: string;
  readonly csrf: string;
  readonly expiresAt: Instant;
  /** For the audit log. It is let in by its cookie, and not by this. */
  readonly caller: Caller;
}

export interface Sessions {
  /** Undefined for one that is over, or never was. */
  find(secret: string): Promise<Caller | undefined>;
  begin(who: Known, by: "password" | "sso", from: From): Promise<Begun>;
  list(account: AccountId, current: string): Promise<SessionView[]>;
  /** Of what has been over for a week nothing is kept; the audit log has who signed in when. */
  forget(): Promise<void>;
  /** Rejects with `session_not_found`. */
  end(sql: Sql, account: AccountId, id: string): Promise<SessionView>;
}

/** Somebody who has proved who they are. */
export interface Known {
  readonly id: AccountId;
  readonly name: string;
}

export interface From {
  readonly requestId: string;
  readonly source: string;
  readonly agent: string;
}

/** How exact "last used" is. */
const seldom = seconds(60);
const aWeek = 7 * 86_400_000;
const cookieName = "holdfast_session";

const hashOf = (secret: string) => createHash("sha256").update(secret).digest("hex");
const csrfOf = (secret: string) => createHmac("sha256", secret).update("csrf").digest("base64url");
/** Of the session in these cookies. Another page can have them sent, and cannot read what comes back. */
export function csrfIn(cookies: string | undefined): string | undefined {
  const secret = secretIn(cookies);
  return secret === undefined ? undefined : csrfOf(secret);
}
export const isCsrf = (secret: string, given: string) => isSame(csrfOf(secret), given);

export function sessions({ database, clock, mintId, mintSecret, limits }: SessionDeps): Sessions {
  const rowOf = shared(async (hash: string) => {
    const [row] = await database.query<Row>(
      `select s.id, s.last_used_at as "lastUsedAt", s.expires_at as "expiresAt", a.id as account, a.name,
         ${grantsOf} as grants
       from session s join account a on a.id = s.account_id
       where s.hash = $1 and s.ended_at is null and a.disabled_at is null`,
      [hash],
    );
    return row;
  });
  const isOver = ({ lastUsedAt, expiresAt }: Pick<Row, "lastUsedAt" | "expiresAt">) => {
    const now = clock.now();
    return now >= expiresAt || since(lastUsedAt, now) >= limits().idle;
  };

  return {
    async find(secret) {
      const row = await rowOf(hashOf(secret));
      if (!row || isOver(row)) return undefined;
      const now = clock.now();
      if (since(row.lastUsedAt, now) > Math.min(seldom, limits().idle / 4))
        await database.query("update session set last_used_at = $2 where id = $1", [
          ...[row.id, iso(now)],
        ]);
      return {
        ...{ name: row.name, account: row.account, by: { kind: "session", id: row.id } },
        ...{ grants: row.grants.map(grantOf), only: undefined },
      };
    },

    async begin({ id: account, name }, by, { source, agent, requestId }) {
      const [id, secret] = [mintId<"Session">(), mintSecret() + mintSecret()];
      const now = clock.now();
      const expiresAt = (now + limits().longest) as Instant; // Instant and Duration.
      await database.transaction(async (sql) => {
        await sql.query(
          `insert into session (id, hash, account_id, created_at, last_used_at, expires_at, by, source, agent)
           values ($1, $2, $3, $4, $4, $5, $6, $7, $8)`,
          [
            ...[id, hashOf(secret), account, iso(now), iso(expiresAt), by, source],
            agent.replaceAll("\0", "").slice(0, 200),
          ],
        );
        const entry = { at: now, kind: "access", subject: account, event: "signedIn" } as const;
        const detail = { by, session: id, source };
        await appendJournal(sql, [{ ...entry, actor: name, requestId, detail }]);
      });
      const caller: Caller = {
        ...{ name, account, by: { kind: "session", id }, grants: [], only: undefined },
      };
      return { id, secret, csrf: csrfOf(secret), expiresAt, caller };
    },

    async list(account, current) {
      const rows = await database.query<Row & SessionView>(
        `${select} where account_id = $1 and ended_at is null order by created_at desc limit 200`,
        [account],
      );
      return rows
        .filter((row) => !isOver(row))
        .map((row) => ({ ...row, isCurrent: row.id === current }));
    },

    async forget() {
      const before = new Date(clock.now() - aWeek);
      await database.query("delete from session where expires_at < $1 or ended_at < $1", [before]);
    },

    async end(sql, account, id) {
      const [view] = await sql.query<SessionView>(
        `${select} where account_id = $1 and id = as_uuid($2) and ended_at is null`,
        [account, id],
      );
      if (!view)
        throw problem("not_found", "session_not_found", `There is no session ${id} here.`, {
          fix: "See them: holdfast sessions",
        });
      await sql.query("update session set ended_at = $2 where id = $1", [
        ...[view.id, iso(clock.now())],
      ]);
      return { ...view, isCurrent: false };
    },
  };
}

const select = `select id, by, source, agent, created_at as "createdAt", last_used_at as "lastUsedAt",
  expires_at as "expiresAt" from session`;

interface Row {
  readonly id: string;
  readonly lastUsedAt: Instant;
  readonly expiresAt: Instant;
  readonly account: AccountId;
  readonly name: string;
  readonly grants: readonly GrantRow[];
}

/** What a browser keeps, and sends to nobody else and from nowhere else. An empty secret takes it back. */
export function cookieFor(secret: string, isSecure: boolean, seconds: number): string {
  const parts = [
    `${cookieName}=${secret}`,
    ...["Path=/", "HttpOnly", "SameSite=Strict", `Max-Age=${seconds}`],
    ...(isSecure ? ["Secure"] : []),
  ];
  return parts.join("; ");
}

export function secretIn(cookies: string | undefined): string | undefined {
  for (const part of (cookies ?? "").split(";")) {
    const [name, value] = part.trim().split("=", 2);
    if (name === cookieName && value && /^[\w-]{32,200}$/.test(value)) return value;
  }
  return undefined;
}
