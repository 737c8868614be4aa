/**
 * Coming in with a password: a session for as long as it takes to make an access key, which is what is kept. A key is
 * listed, ends and is revoked like every other, and the password is nowhere afterwards.
 */
import { type Client, connect } from "@holdfast/client/client";
import { createAccessKey, endSession, signIn } from "@holdfast/cloud/access/api";
import { problem } from "@holdfast/kernel/problem";
import { type Settings, trusting } from "./connection.ts";

export interface Login {
  readonly account: string;
  readonly password: string;
  /** What the key is called in lists. */
  readonly name: string;
  readonly days: number;
}

/** What to come in with from now on. */
export async function logIn(
  { url, fingerprint }: Omit<Settings, "token">,
  { account, password, name, days }: Login,
  signal: AbortSignal,
): Promise<{ readonly settings: Settings; readonly expiresAt: number | null }> {
  const plain = new URL(url);
  if (
    plain.protocol === "http:" &&
    !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(plain.hostname)
  )
    throw problem(
      "invalid",
      "login_in_the_clear",
      `A password is not sent to ${url} in the clear.`,
      {
        fix: "Give the https address: holdfast login NAME --url https://HOST:7443 --ca FINGERPRINT",
      },
    );
  const connection = await trusting({ url, token: "", fingerprint });
  const session: InSession = { cookie: undefined, csrf: undefined };
  const client: Client = connect({
    ...connection,
    signal,
    fetch: inSession(connection.fetch ?? fetch, session),
  });
  session.csrf = (await client.call(signIn, { body: { account, password } })).csrf;
  try {
    const made = await client.call(createAccessKey, { body: { name, expiresInDays: days } });
    return {
      settings: { url, token: made.token, ...(fingerprint && { fingerprint }) },
      expiresAt: made.expiresAt,
    };
  } finally {
    await client.call(endSession, { params: { session: "current" } }).catch(() => {}); // It ends by itself, too.
  }
}

interface InSession {
  cookie: string | undefined;
  csrf: string | undefined;
}

/** As a browser does it: the cookie that came is sent, and the word with it. */
const inSession =
  (ask: typeof fetch, session: InSession): typeof fetch =>
  async (address, init) => {
    const headers = new Headers(init?.headers);
    headers.delete("authorization");
    if (session.cookie) headers.set("cookie", session.cookie);
    if (session.csrf) headers.set("x-holdfast-csrf", session.csrf);
    const answer = await ask(address, { ...init, headers: Object.fromEntries(headers) });
    session.cookie ??= answer.headers.get("set-cookie")?.split(";")[0];
    return answer;
  };
