/**
 * The answers to ../api.ts about passwords and sessions.
 *
 * Whoever guesses is slowed down twice: by where they guess from, and by whom they guess at, longer each time. Neither
 * says whether there is such an account, and nobody is kept out for good: that would be a weapon for whoever knows a name.
 */
import type { AccountId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Caller, type Door, handle } from "@holdfast/kernel/route";
import { type Clock, iso } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import * as api from "../api.ts";
import { findAccountView } from "./accounts.ts";
import { hashPassword, isPassword } from "./passwords.ts";
import { cookieFor, type Sessions } from "./sessions.ts";
import { passwordTries } from "./tries.ts";

export interface SignInDeps {
  readonly database: Database;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly mintSecret: () => string;
  /** Wrong passwords that cost nothing, for one account. */
  readonly tries: () => number;
  readonly onError: (error: unknown) => void;
}

interface Row {
  readonly id: AccountId;
  readonly name: string;
  readonly hash: string | null;
}

export function signInRoutes(deps: SignInDeps) {
  const { database, sessions, clock, mintSecret, onError } = deps;
  const tries = passwordTries(clock, deps.tries);

  return {
    signIn: handle(api.signIn, async ({ body, door, requestId }) => {
      const { account: name, password } = body;
      const source = door?.source ?? "";
      tries.begin(name, source);
      const row = await find(database, "name = $1 and disabled_at is null", name);
      if (!(await isPassword(row?.hash, password)) || !row) {
        // Nobody waits for it: how long an answer takes would tell whether there is such an account.
        void tellOfRefusal(name, source, requestId).catch(onError);
        throw refused();
      }
      tries.forgive(name, source);
      const from = { source, agent: door?.agent ?? "", requestId };
      const begun = await sessions.begin(row, "password", from);
      door?.knownAs(begun.caller);
      giveCookie(door, begun.secret, begun.expiresAt - clock.now());
      const { id, csrf, expiresAt } = begun;
      return { id, account: row.name, csrf, expiresAt };
    }),

    listSessions: handle(api.listSessions, async ({ caller }) => ({
      sessions: await sessions.list(caller.account, caller.by.id),
    })),

    listSessionsOfAccount: handle(api.listSessionsOfAccount, async ({ params, caller }) => {
      const { id } = await findAccountView(database, params.account);
      return { sessions: await sessions.list(id as AccountId, caller.by.id) }; // A view's id is plain text.
    }),

    endSessionOfAccount: handle(api.endSessionOfAccount, async ({ params, caller, requestId }) => {
      const { id } = await findAccountView(database, params.account);
      return database.transaction(async (sql) => {
        const ended = await sessions.end(sql, id as AccountId, params.session);
        await tell(sql, caller, id, requestId, "signedOut");
        return ended;
      });
    }),

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

    changePassword: handle(api.changePassword, async ({ body, caller, requestId, door }) => {
      const row = await find(
        database,
        "id = $1 and kind = 'user' and issuer is null",
        caller.account,
      );
      if (!row) throw noPassword(caller.name);
      if (row.hash !== null) {
        tries.begin(row.name, door?.source ?? "");
        if (!(await isPassword(row.hash, body.current ?? ""))) throw refused();
        tries.forgive(row.name, door?.source ?? "");
      }
      await setPassword(row.id, body.password, caller, requestId);
      return { account: row.name };
    }),

    resetPassword: handle(api.resetPassword, async ({ params, caller, requestId }) => {
      const { id, name, kind, singleSignOn } = await findAccountView(database, params.account);
      if (kind !== "user" || singleSignOn !== null) throw noPassword(name);
      const password = mintSecret();
      await setPassword(id as AccountId, password, caller, requestId); // A view's id is plain text.
      return { account: name, password };
    }),
  };

  /** In the journal of the account, if there is one. The address is in the audit log in any case. */
  async function tellOfRefusal(name: string, source: string, requestId: string): Promise<void> {
    const row = await find(database, "name = $1", name);
    if (!row) return;
    const entry = { at: clock.now(), kind: "access", subject: row.id } as const;
    const more = { event: "signInRefused", actor: "holdfast", requestId, detail: { source } };
    await appendJournal(database, [{ ...entry, ...more }]);
  }

  /** Whoever has guessed the old one is out. The session that asks is not. */
  async function setPassword(id: AccountId, password: string, caller: Caller, requestId: string) {
    const hash = await hashPassword(password);
    await database.transaction(async (sql) => {
      await sql.query("update account set password_hash = $2 where id = $1", [id, hash]);
      await sql.query(
        `update session set ended_at = $3 where account_id = $1 and ended_at is null
           and id is distinct from as_uuid($2)`,
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
  problem("conflict", "no_password", `${name} has no password here.`, {
    fix: "A program has keys: holdfast keys create NAME --for PROGRAM. Who came by single sign-on has a password there.",
  });
