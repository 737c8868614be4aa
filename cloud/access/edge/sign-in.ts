/**
 * The answers to ../api.ts about passwords and sessions.
 *
 * Whoever guesses is slowed down twice: by where they guess from, and by whom they guess at. Neither says whether
 * there is such an account.
 */
import type { AccountId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Caller, type Door, handle } from "@holdfast/kernel/route";
import { type Clock, iso } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import * as api from "../api.ts";
import { buckets } from "../core/bucket.ts";
import { tooFast } from "./access.ts";
import { findAccountView } from "./accounts.ts";
import { hashPassword, isPassword } from "./passwords.ts";
import { cookieFor, type Sessions } from "./sessions.ts";

export interface SignInDeps {
  readonly database: Database;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly mintSecret: () => string;
  /** Tries a minute, for one account or from one address. */
  readonly tries: () => number;
}

interface Row {
  readonly id: AccountId;
  readonly name: string;
  readonly hash: string | null;
}

export function signInRoutes({ database, sessions, clock, mintSecret, tries }: SignInDeps) {
  const paces = buckets();

  return {
    signIn: handle(api.signIn, async ({ body, door }) => {
      const source = door?.source ?? "";
      slowDown([`from ${source}`, `at ${body.account}`]);
      const row = await find(database, "name = $1 and disabled_at is null", body.account);
      if (!(await isPassword(row?.hash, body.password)) || !row) throw refused();
      const begun = await sessions.begin(row.id, "password", { source, agent: door?.agent ?? "" });
      giveCookie(door, begun.secret, begun.expiresAt - clock.now());
      const { id, csrf, expiresAt } = begun;
      return { id, account: row.name, csrf, expiresAt };
    }),

    listSessions: handle(api.listSessions, async ({ caller }) => ({
      sessions: await sessions.list(caller.account, caller.by.id),
    })),

    endSession: handle(api.endSession, async ({ params, caller, requestId, door }) => {
      const id = params.session === "current" ? caller.by.id : params.session;
      const view = await database.transaction(async (sql) => {
        const ended = await sessions.end(sql, caller.account, id);
        await tell(sql, caller, caller.account, requestId, "signedOut");
        return ended;
      });
      if (id === caller.by.id) giveCookie(door, "", 0);
      return view;
    }),

    changePassword: handle(api.changePassword, async ({ body, caller, requestId }) => {
      slowDown([`at ${caller.name}`]);
      const row = await find(database, "id = $1 and kind = 'user'", caller.account);
      if (!row) throw noPassword(caller.name);
      if (row.hash !== null && !(await isPassword(row.hash, body.current ?? ""))) throw refused();
      await setPassword(row.id, body.password, caller, requestId);
      return { account: row.name };
    }),

    resetPassword: handle(api.resetPassword, async ({ params, caller, requestId }) => {
      const { id, name, kind } = await findAccountView(database, params.account);
      if (kind !== "user") throw noPassword(name);
      const password = mintSecret();
      await setPassword(id as AccountId, password, caller, requestId); // A view's id is plain text.
      return { account: name, password };
    }),
  };

  function slowDown(whom: readonly string[]): void {
    const rate = tries() / 60;
    for (const who of whom) {
      const wait = paces.take(who, { rate, burst: tries() }, clock.now());
      if (wait !== undefined) throw tooFast(wait);
    }
  }

  /** Whoever has guessed the old one is out. The session that asks is not. */
  async function setPassword(id: AccountId, password: string, caller: Caller, requestId: string) {
    const hash = await hashPassword(password);
    await database.transaction(async (sql) => {
      await sql.query("update account set password_hash = $2 where id = $1", [id, hash]);
      await sql.query(
        "update session set ended_at = $3 where account_id = $1 and ended_at is null and id::text <> $2",
        [id, caller.by.id, iso(clock.now())],
      );
      await tell(sql, caller, id, requestId, "passwordChanged");
    });
  }

  async function tell(sql: Sql, caller: Caller, subject: string, requestId: string, event: string) {
    const entry = { at: clock.now(), kind: "access", subject, event } as const;
    await appendJournal(sql, [{ ...entry, actor: caller.name, requestId }]);
  }
}

export function giveCookie(door: Door | undefined, secret: string, milliseconds: number): void {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  door?.setHeader("set-cookie", cookieFor(secret, door.isSecure, seconds));
}

async function find(sql: Sql, which: string, value: string): Promise<Row | undefined> {
  const [row] = await sql.query<Row>(
    `select id, name, password_hash as hash from account where ${which}`,
    [value],
  );
  return row;
}

const refused = () =>
  problem("unauthenticated", "sign_in_refused", "The name or the password is not right.", {
    fix: "Try again. An owner can give out another password: holdfast users password NAME",
  });

const noPassword = (name: string) =>
  problem("conflict", "no_password", `${name} is a program, and has no password.`, {
    fix: "Give it a key: holdfast keys create NAME --for PROGRAM",
  });
