/** Checking signatures: the text is in ../core/sign.ts, the hashing and the comparing here. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Duration, Instant } from "@holdfast/kernel/time";
import { refuse } from "../core/errors.ts";
import type { Fields } from "../core/parse.ts";
import {
  type Claim,
  canonical,
  checkAge,
  claimOf,
  type Service,
  type Signed,
  stringToSign,
} from "../core/sign.ts";
import { claimTwoOf, textTwo } from "../core/sign-two.ts";
import type { Signer, Signers } from "./signers.ts";

export interface Verified {
  readonly signer: Signer;
  readonly signature: string;
  readonly at: Instant;
  readonly goodFor: Duration | undefined;
  readonly region: string;
  /** Undefined: it is for any of those that there are. */
  readonly service: Service | undefined;
}

/** Of a signature that names none, the clients' own default. */
const usualRegion = "us-east-1";

/** What a request says of its signature, and what that should be. */
interface Claimed extends Omit<Verified, "signer"> {
  readonly key: string;
  expected(secret: string): string;
}

/**
 * Whose request it is. `fields`: those of the query and of the form. Rejects with a refusal; what is wrong with a key is
 * not told apart from there being none.
 */
export async function verify(
  request: Signed,
  fields: Fields,
  body: Buffer,
  signers: Signers,
  now: Instant,
): Promise<Verified> {
  const claimed = claimedFour(request, body) ?? claimedTwo(request, fields);
  if (!claimed)
    throw refuse("AuthFailure", "The request is not signed: it has no Authorization.", 401);
  const { key, expected, ...verified } = claimed;
  checkAge(claimed, now);
  const signer = await signers.find(key);
  // The same work for a key that nobody has: how long it takes tells nothing.
  const right = Buffer.from(expected(signer?.secret ?? ""));
  const isRight = timingSafeEqual(right, Buffer.from(claimed.signature));
  if (!signer)
    throw refuse("AuthFailure", "The provided access credentials could not be validated.", 401);
  if (!isRight)
    throw refuse(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your secret access key and the host that you signed for.",
      403,
    );
  return { ...verified, signer };
}

function claimedFour(request: Signed, body: Buffer): Claimed | undefined {
  const claim = claimOf(request);
  if (!claim) return undefined;
  const bodyHash = sha256(body);
  const [, told] = request.headers.find(([name]) => name === "x-amz-content-sha256") ?? [];
  if (told !== undefined && told.trim() !== bodyHash)
    throw refuse("SignatureDoesNotMatch", "x-amz-content-sha256 is not the hash of the body.", 403);
  const { key, at, goodFor, scope } = claim;
  return {
    ...{ key, at, goodFor, signature: claim.signature, region: scope[1], service: scope[2] },
    expected: (secret) => signature(request, claim, bodyHash, secret),
  };
}

function claimedTwo(request: Signed, fields: Fields): Claimed | undefined {
  const claim = claimTwoOf(fields);
  if (!claim) return undefined;
  return {
    ...{ ...claim, goodFor: undefined, region: usualRegion, service: undefined },
    expected: (secret) => hmac(secret, textTwo(request, fields)).toString("base64"),
  };
}

export function signature(request: Signed, claim: Claim, bodyHash: string, secret: string): string {
  const text = stringToSign(claim, sha256(canonical(request, claim, bodyHash)));
  const key = claim.scope.reduce<string | Buffer>(
    (before, part) => hmac(before, part),
    `AWS4${secret}`,
  );
  return hmac(key, text).toString("hex");
}

const hmac = (key: string | Buffer, text: string) =>
  createHmac("sha256", key).update(text).digest();
const sha256 = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");
