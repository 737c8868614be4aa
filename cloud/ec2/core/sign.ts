/**
 * Signatures of version 4: what a request says of its own signature, and the text that it signs. Pure; the secrets and
 * the hashing are in edge/signatures.ts, the older version in sign-two.ts.
 *
 * What a newcomer would get wrong: the headers are signed as they were sent. `Host` is the one that was received, with
 * its port or without; which others are signed is the client's choice, but never without `host`.
 */
import type { Duration, Instant } from "@holdfast/kernel/time";
import { minutes, seconds } from "@holdfast/kernel/time";
import { refuse } from "./errors.ts";
import type { Fields } from "./parse.ts";

/** As the transport had it. Names of headers are in lower case, in the order in which they came. */
export interface Signed {
  readonly method: string;
  readonly path: string;
  readonly query: Fields;
  readonly headers: Fields;
}

export interface Claim {
  readonly key: string;
  /** `20261122/us-east-1/ec2/aws4_request`, whose parts the key of the signature is made from. */
  readonly scope: readonly [date: string, region: string, service: Service, end: "aws4_request"];
  readonly headers: readonly string[];
  readonly signature: string;
  /** As it was written, and as a moment. */
  readonly date: string;
  readonly at: Instant;
  /** A signed URL says how long it is good for. */
  readonly goodFor: Duration | undefined;
}

export const services = ["ec2", "sts"] as const;
export type Service = (typeof services)[number];

export const algorithm = "AWS4-HMAC-SHA256";
/** How wrong the clock of a client may be. */
export const mostSkew = minutes(5);
const longest = seconds(7 * 86_400);

/** Undefined: it carries no signature at all. Refuses what cannot be read. */
export function claimOf({ headers, query }: Signed): Claim | undefined {
  const authorization = one(headers, "authorization");
  const inQuery = one(query, "X-Amz-Algorithm");
  if (authorization === undefined && inQuery === undefined) return undefined;
  if (authorization !== undefined && inQuery !== undefined)
    throw incomplete("It is signed twice: in a header and in the query.");
  return authorization === undefined ? claimInQuery(query) : claimInHeader(authorization, headers);
}

function claimInHeader(authorization: string, headers: Fields): Claim {
  const [, parts = ""] = /^AWS4-HMAC-SHA256\s+(.{1,4000})$/.exec(authorization) ?? [];
  if (!parts) throw incomplete("Authorization must begin with AWS4-HMAC-SHA256.");
  const given = new Map(
    parts.split(",").map((part): [string, string] => {
      const at = part.indexOf("=");
      return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    }),
  );
  const date = one(headers, "x-amz-date") ?? dateOf(one(headers, "date"));
  return claim(
    given.get("Credential"),
    given.get("SignedHeaders"),
    given.get("Signature"),
    date,
    undefined,
  );
}

function claimInQuery(query: Fields): Claim {
  if (one(query, "X-Amz-Algorithm") !== algorithm) throw incomplete(`Only ${algorithm} is known.`);
  const expires = one(query, "X-Amz-Expires") ?? "";
  if (!/^\d{1,6}$/.test(expires) || Number(expires) * 1_000 > longest)
    throw incomplete("X-Amz-Expires must be at most 604800 seconds.");
  return claim(
    one(query, "X-Amz-Credential"),
    one(query, "X-Amz-SignedHeaders"),
    one(query, "X-Amz-Signature"),
    one(query, "X-Amz-Date"),
    seconds(Number(expires)),
  );
}

function claim(
  credential: string | undefined,
  signedHeaders: string | undefined,
  signature: string | undefined,
  date: string | undefined,
  goodFor: Duration | undefined,
): Claim {
  const [, key, day, region, service] =
    /^([\w.-]{1,128})\/(\d{8})\/([a-z0-9-]{1,64})\/([a-z0-9-]{1,32})\/aws4_request$/.exec(
      credential ?? "",
    ) ?? [];
  if (key === undefined || day === undefined || region === undefined || service === undefined)
    throw incomplete("Credential must be KEY/DATE/REGION/SERVICE/aws4_request.");
  if (!isService(service))
    throw incomplete(`The signature is for ${service}; this is ${services.join(" and ")}.`);
  const headers = (signedHeaders ?? "").split(";");
  if (headers.length > 50 || !headers.every((name) => /^[a-z0-9-]{1,100}$/.test(name)))
    throw incomplete("SignedHeaders must be names in lower case with ; between them.");
  if (!headers.includes("host")) throw incomplete("The header host must be signed.");
  if (!/^[0-9a-f]{64}$/.test(signature ?? ""))
    throw incomplete("Signature must be 64 hexadecimal digits.");
  const [, y, m, d, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date ?? "") ?? [];
  const at = Date.parse(`${y}-${m}-${d}T${hour}:${minute}:${second}Z`);
  if (date === undefined || Number.isNaN(at))
    throw incomplete("X-Amz-Date must be a time such as 20270102T030405Z.");
  if (!date.startsWith(day)) throw incomplete("Credential is for another day than X-Amz-Date.");
  return {
    key,
    scope: [day, region, service, "aws4_request"],
    headers,
    signature: signature ?? "",
    date,
    at: at as Instant,
    goodFor,
  };
}

/** Refuses what was signed too long ago, or is not valid yet. */
export function checkAge({ at, goodFor }: Pick<Claim, "at" | "goodFor">, now: Instant): void {
  const until = goodFor === undefined ? at + mostSkew : at + goodFor;
  if (now > until)
    throw refuse(
      "RequestExpired",
      "Request has expired: it was signed too long ago. Is the clock right?",
    );
  if (at > now + mostSkew)
    throw refuse("RequestExpired", "Request is signed in the future. Is the clock right?");
}

/** The canonical request. `bodyHash`: the SHA-256 of the body that came, in hexadecimal digits. */
export function canonical(request: Signed, claim: Claim, bodyHash: string): string {
  const headers = claim.headers.map((name) => {
    const values = request.headers.filter(([given]) => given === name).map(([, value]) => value);
    if (values.length === 0) throw incomplete(`The header ${name} is signed, and is not there.`);
    return `${name}:${values.map((value) => value.trim().replace(/ +/g, " ")).join(",")}\n`;
  });
  const query = request.query
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => [escaped(name), escaped(value)] as const)
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
  return [
    ...[
      request.method,
      escapedPath(request.path),
      query,
      headers.join(""),
      claim.headers.join(";"),
    ],
    bodyHash,
  ].join("\n");
}

export const stringToSign = ({ date, scope }: Claim, canonicalHash: string) =>
  [algorithm, date, scope.join("/"), canonicalHash].join("\n");

export const escapedPath = (path: string) => path.split("/").map(escaped).join("/") || "/";

/** As RFC 3986 has it, which is more than `encodeURIComponent` escapes. */
export const escaped = (text: string) =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** Undefined: it is not there. Refuses what is there twice. */
export function one(fields: Fields, name: string): string | undefined {
  const found = fields.filter(([given]) => given === name);
  if (found.length > 1) throw incomplete(`${name} is given twice.`);
  return found[0]?.[1];
}

/** `Sun, 22 Nov 2026 10:00:00 GMT` as version 4 writes it. */
function dateOf(header: string | undefined): string | undefined {
  const at = header === undefined ? Number.NaN : Date.parse(header);
  return Number.isNaN(at) ? undefined : new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

const isService = (name: string): name is Service => services.some((known) => known === name);

export const incomplete = (why: string) =>
  refuse("IncompleteSignature", `The signature cannot be read. ${why}`);
