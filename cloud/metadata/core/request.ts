/**
 * What becomes of one question to the metadata service, as EC2's version 2 has it: a token first, by PUT
 * with its life time, then questions with the token.
 *
 * A question without a token is answered too unless whoever owns the guest wants one, because old programs in
 * guests know no better. What came through a proxy is refused: that is how such services are read from outside.
 */
import type { Guest } from "./guest.ts";
import { read } from "./tree.ts";

export interface Question {
  readonly method: string;
  readonly path: string;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Tokens {
  /** For this guest and so many seconds. */
  issue(lifetime: number): string;
  isValid(token: string): boolean;
}

const lifetimeHeader = "x-aws-ec2-metadata-token-ttl-seconds";
const tokenHeader = "x-aws-ec2-metadata-token";
/** EC2's: six hours. */
const longest = 21_600;

/** `guest`: undefined if nothing is known of whoever asks. */
export function answer(
  { method, path, headers }: Question,
  guest: Guest | undefined,
  tokens: Tokens,
): Answer {
  if (headers["x-forwarded-for"] !== undefined) return plain(403, "no proxies");
  if (guest?.metadata === "off") return plain(403, "this guest has no metadata");
  const [bare = ""] = path.split("?");
  if (method === "PUT") return tokenFor(bare, headers, tokens);
  if (method !== "GET" && method !== "HEAD") return plain(405, "only GET, HEAD and PUT");
  const token = headers[tokenHeader];
  const mustHaveToken = guest?.metadataTokens === "required";
  if (token !== undefined ? !tokens.isValid(token) : mustHaveToken)
    return plain(401, "this needs a token: PUT /latest/api/token");
  const text = guest && read(guest, bare);
  return text === undefined ? plain(404, "there is no such thing") : plain(200, text);
}

function tokenFor(path: string, headers: Question["headers"], tokens: Tokens): Answer {
  if (path !== "/latest/api/token") return plain(404, "there is no such thing");
  const lifetime = Number(headers[lifetimeHeader] ?? Number.NaN);
  if (!Number.isInteger(lifetime) || lifetime < 1 || lifetime > longest)
    return plain(400, `${lifetimeHeader} must be 1 to ${longest}`);
  const { status, body, headers: rest } = plain(200, tokens.issue(lifetime));
  return { status, body, headers: { ...rest, [lifetimeHeader]: String(lifetime) } };
}

const plain = (status: number, body: string): Answer => ({
  status,
  headers: { "content-type": "text/plain" },
  body,
});
