/**
 * Signatures of version 2, which older libraries make where nobody says otherwise (docs/decisions/0056). All that is said is in
 * the parameters, of a query or of a form, and all of them are signed, with the host; no region and no service is named.
 */
import type { Instant } from "@holdfast/kernel/time";
import type { Fields } from "./parse.ts";
import { escaped, escapedPath, incomplete, one, type Signed } from "./sign.ts";

export interface ClaimTwo {
  readonly key: string;
  /** Base64. */
  readonly signature: string;
  readonly at: Instant;
}

/** `fields`: those of the query and of the form. Undefined: it carries no such signature. Refuses what cannot be read. */
export function claimTwoOf(fields: Fields): ClaimTwo | undefined {
  const version = one(fields, "SignatureVersion");
  if (version === undefined) return undefined;
  if (version !== "2") throw incomplete("Versions 2 and 4 of signatures are known.");
  if (one(fields, "SignatureMethod") !== "HmacSHA256")
    throw incomplete("SignatureMethod must be HmacSHA256.");
  const key = one(fields, "AWSAccessKeyId") ?? "";
  if (!/^[\w.-]{1,128}$/.test(key)) throw incomplete("AWSAccessKeyId must be the id of a key.");
  const signature = one(fields, "Signature") ?? "";
  if (!/^[A-Za-z0-9+/]{43}=$/.test(signature))
    throw incomplete("Signature must be 32 bytes in base64.");
  const date = one(fields, "Timestamp") ?? "";
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/.test(date)
    ? Date.parse(date)
    : Number.NaN;
  if (Number.isNaN(at)) throw incomplete("Timestamp must be a time such as 2027-01-02T03:04:05Z.");
  return { key, signature, at: at as Instant };
}

/** What is signed. Sorted as bytes are, before they are escaped. */
export function textTwo({ method, path, headers }: Signed, fields: Fields): string {
  const host = one(headers, "host");
  if (host === undefined) throw incomplete("The header host is signed, and is not there.");
  const parameters = fields
    .filter(([name]) => name !== "Signature")
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${escaped(name)}=${escaped(value)}`);
  return [method, host.toLowerCase(), escapedPath(path), parameters.join("&")].join("\n");
}
