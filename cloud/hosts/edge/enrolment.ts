/**
 * How a machine becomes a host: a join token is turned, once, into a client certificate.
 *
 * The machine makes its key itself and never shows it. The token names the authority's fingerprint, so
 * that a machine cannot be led to join somebody else's cloud.
 */
import { createHash } from "node:crypto";
import type { HostId, MintId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Clock, iso, minutes } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import type { Authority } from "./authority.ts";

export interface EnrolmentDeps {
  readonly database: Database;
  readonly authority: Authority;
  readonly clock: Clock;
  readonly mintId: MintId;
  /** Unguessable text: 128 bits or more. */
  readonly mintSecret: () => string;
  readonly self: string;
}

export function enrolment(deps: EnrolmentDeps) {
  const { database, authority, clock, mintId, mintSecret, self } = deps;
  return { createToken, join, revoke, isWelcome };

  async function createToken(hostName: string | undefined, validMinutes: number) {
    const secret = mintSecret();
    const expiresAt = clock.now() + minutes(validMinutes);
    await database.query(
      "insert into join_token (hash, host_name, expires_at) values ($1, $2, $3)",
      [hashOf(secret), hostName ?? null, new Date(expiresAt)],
    );
    return { token: `hf1.${secret}.${authority.fingerprint}`, expiresAt };
  }

  /** Rejects with `join_token_invalid`, `join_token_used` or `host_name_taken`. */
  async function join(token: string, name: string, signingRequest: string) {
    const [, secret = ""] = token.split(".");
    return database.transaction(async (sql) => {
      const [found] = await sql.query<TokenRow>(
        `select host_name as "hostName", used_at as "usedAt", expires_at < now() as "isOver"
         from join_token where hash = $1 for update`,
        [hashOf(secret)],
      );
      if (!found || found.isOver || (found.hostName && found.hostName !== name))
        throw invalidToken();
      if (found.usedAt !== null) throw usedToken();
      const host = await ensureHost(sql, name);
      const signed = await authority.signHost(host, signingRequest);
      await sql.query("update join_token set used_at = now(), used_by = $2 where hash = $1", [
        hashOf(secret),
        host,
      ]);
      await sql.query(
        "insert into host_certificate (fingerprint, host_id, expires_at) values ($1, $2, $3)",
        [signed.fingerprint, host, new Date(signed.expiresAt)],
      );
      const event = { at: clock.now(), kind: "host", subject: host, event: "joined" } as const;
      await appendJournal(sql, [
        { ...event, actor: "holdfast", detail: { name, fingerprint: signed.fingerprint } },
      ]);
      return { host, certificate: signed.certificate, authority: authority.certificate };
    });
  }

  /** A name that is known comes back as the same host, unless that one can still speak for itself. */
  async function ensureHost(sql: Sql, name: string): Promise<HostId> {
    const [known] = await sql.query<{ id: HostId; isAlive: boolean }>(
      `select h.id, exists (select from host_certificate c where c.host_id = h.id
         and c.revoked_at is null and c.expires_at > now()) as "isAlive"
       from host h where h.name = $1`,
      [name],
    );
    if (known?.isAlive) throw nameTaken(name);
    if (known) return known.id;
    const id = mintId<"Host">();
    await sql.query(
      `insert into host (id, name, cluster, state, mode, created_at) values ($1, $2, 'default', 'suspect', 'enabled', $3)`,
      [id, name, iso(clock.now())],
    );
    return id;
  }

  async function revoke(host: HostId, actor: string, requestId: string): Promise<number> {
    return database.transaction(async (sql) => {
      const rows = await sql.query(
        "update host_certificate set revoked_at = now() where host_id = $1 and revoked_at is null returning fingerprint",
        [host],
      );
      const at = clock.now();
      await appendJournal(sql, [
        {
          at,
          kind: "host",
          subject: host,
          event: "revoked",
          actor,
          requestId,
          detail: { certificates: rows.length },
        },
      ]);
      await announce(sql, { from: self, revoked: [host] });
      return rows.length;
    });
  }

  /** Whose certificate this is, if it may be used now. */
  async function isWelcome(fingerprint: string): Promise<HostId | undefined> {
    const [row] = await database.query<{ host: HostId }>(
      `select host_id as host from host_certificate
       where fingerprint = $1 and revoked_at is null and expires_at > now()`,
      [fingerprint],
    );
    return row?.host;
  }
}

interface TokenRow {
  readonly hostName: string | null;
  readonly usedAt: number | null;
  readonly isOver: boolean;
}

const hashOf = (secret: string) => createHash("sha256").update(secret).digest("hex");

const invalidToken = () =>
  problem(
    "forbidden",
    "join_token_invalid",
    "This join token is unknown, over, or for another host name.",
    {
      fix: "Ask an operator for a new one: holdfast hosts token",
    },
  );

const usedToken = () =>
  problem(
    "forbidden",
    "join_token_used",
    "This join token has been used. Each is good for one machine, once.",
    {
      fix: "Ask an operator for a new one: holdfast hosts token",
    },
  );

const nameTaken = (name: string) =>
  problem("conflict", "host_name_taken", `There is a host ${name} with a valid certificate.`, {
    fix: `Join under another name, or cut the old one off first: holdfast hosts revoke ${name}`,
  });
