/** Providers of OpenID Connect for tests: a real one, and one that lies. */
import { createSign, generateKeyPairSync } from "node:crypto";
import { createServer, type Server, type ServerResponse } from "node:http";
import { freePort } from "@holdfast/store/testing";
import Provider from "oidc-provider";

export const client = { id: "holdfast", secret: "a secret of the tests" };

/** Somebody the provider knows. */
export interface Person {
  readonly sub: string;
  readonly email: string;
  readonly groups: readonly string[];
}

export interface TestProvider {
  readonly issuer: string;
  close(): Promise<void>;
}

/** The library that real providers are made of. Whoever `who` says signs in there without being asked anything. */
export async function realProvider(
  redirect: string,
  who: () => Person,
  tells: "in the token" | "when asked" = "in the token",
): Promise<TestProvider> {
  const issuer = `http://127.0.0.1:${await freePort()}`;
  const provider: Provider = new Provider(issuer, {
    clients: [
      {
        ...{ client_id: client.id, client_secret: client.secret, redirect_uris: [redirect] },
        token_endpoint_auth_method: "client_secret_post",
      },
    ],
    claims: { openid: ["sub"], email: ["email"], profile: ["groups"] },
    conformIdTokenClaims: tells === "when asked",
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    cookies: { keys: ["only for tests"] },
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    findAccount: (_: unknown, sub: string) => ({
      accountId: sub,
      claims: () => ({ ...who(), sub }),
    }),
    async loadExistingGrant(context: Context) {
      const { client: asks, session } = context.oidc;
      const grant = new provider.Grant({ clientId: asks.clientId, accountId: session.accountId });
      grant.addOIDCScope("openid profile email");
      await grant.save();
      return grant;
    },
  });
  const serve = provider.callback();
  const server = createServer((request, response) => {
    if (!request.url?.startsWith("/interaction/")) return serve(request, response);
    void provider.interactionFinished(request, response, { login: { accountId: who().sub } });
  });
  return listening(server, issuer);
}

interface Context {
  readonly oidc: {
    readonly client: { readonly clientId: string };
    readonly session: { readonly accountId: string };
  };
}

/** What a lying provider says in place of the truth. */
export interface Lie {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly isForged?: boolean;
  /** It is away when it is asked for the token. */
  readonly isAway?: boolean;
}

/** Speaks as a provider does, and signs whatever it is told to. */
export async function lyingProvider(lie: () => Lie): Promise<TestProvider> {
  const issuer = `http://127.0.0.1:${await freePort()}`;
  const [mine, strangers] = [newKey(), newKey()];
  let nonce = "";
  const answers: Readonly<Record<string, (url: URL) => object>> = {
    "/.well-known/openid-configuration": () => ({
      ...{ issuer, jwks_uri: `${issuer}/keys`, token_endpoint: `${issuer}/token` },
      authorization_endpoint: `${issuer}/auth`,
      id_token_signing_alg_values_supported: ["RS256"],
    }),
    "/keys": () => ({
      keys: [{ ...mine.publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256", use: "sig" }],
    }),
    "/token": () => ({ access_token: "a", token_type: "bearer", id_token: idToken() }),
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", issuer);
    if (url.pathname === "/auth") {
      nonce = url.searchParams.get("nonce") ?? "";
      return sendBack(url, response);
    }
    if (url.pathname === "/token" && lie().isAway) return void response.writeHead(502).end();
    const answer = answers[url.pathname]?.(url);
    response.writeHead(answer ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? {}));
  });
  return listening(server, issuer);

  function idToken(): string {
    const now = Math.floor(Date.now() / 1_000);
    const { claims = {}, isForged = false } = lie();
    const truth = { iss: issuer, aud: client.id, sub: "liar", email: "liar@example.org", nonce };
    const body = { ...truth, iat: now, exp: now + 60, ...claims };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = `${part({ alg: "RS256", kid: "1", typ: "JWT" })}.${part(body)}`;
    const key = (isForged ? strangers : mine).privateKey;
    return `${signed}.${createSign("RSA-SHA256").update(signed).sign(key, "base64url")}`;
  }
}

const newKey = () => generateKeyPairSync("rsa", { modulusLength: 2_048 });

/** The browser goes back with a code. */
function sendBack(url: URL, response: ServerResponse): void {
  const back = new URL(url.searchParams.get("redirect_uri") ?? "");
  back.searchParams.set("code", "a-code");
  back.searchParams.set("state", url.searchParams.get("state") ?? "");
  response.writeHead(302, { location: back.href }).end();
}

async function listening(server: Server, issuer: string): Promise<TestProvider> {
  await new Promise<void>((resolve) => {
    server.listen(Number(new URL(issuer).port), "127.0.0.1", resolve);
  });
  return {
    issuer,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A browser: goes where it is sent, and keeps what it is given. */
export function browser() {
  const cookies = new Map<string, string>();
  return { go, cookieOf: (origin: string) => cookies.get(origin) ?? "" };

  /** Resolves with the first answer that leads nowhere else, or with the address at which `until` says stop. */
  async function go(
    from: string,
    until: (url: URL) => boolean = () => false,
  ): Promise<{ readonly url: URL; readonly status: number; readonly text: string }> {
    let url = new URL(from);
    for (let hops = 0; hops < 20; hops++) {
      if (until(url)) return { url, status: 0, text: "" };
      const response = await fetch(url, {
        redirect: "manual",
        headers: { cookie: cookies.get(url.origin) ?? "" },
      });
      const given = response.headers.getSetCookie().map((one) => one.split(";")[0] ?? "");
      const kept = cookies.get(url.origin);
      cookies.set(url.origin, [...(kept ? [kept] : []), ...given].join("; "));
      const next = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || next === null)
        return { url, status: response.status, text: await response.text() };
      url = new URL(next, url);
    }
    throw new Error(`sent to and fro without end, last to ${url}`);
  }
}
