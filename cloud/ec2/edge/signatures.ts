/** Checking signatures: the text is in ../core/sign.ts, the hashing and the comparing here. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Instant } from "@holdfast/kernel/time";
import { refuse } from "../core/errors.ts";
import {
  type Claim,
  canonical,
  checkAge,
  claimOf,
  type Signed,
  stringToSign,
} from "../core/sign.ts";
import type { Signer, Signers } from "./signers.ts";

export interface Verified {
  readonly claim: Claim;
  readonly signer: Signer;
}

/** Whose request it is. Rejects with a refusal; what is wrong with a key is not told apart from there being none. */
export async function verify(
  request: Signed,
  body: Buffer,
  signers: Signers,
  now: Instant,
): Promise<Verified> {
  const claim = claimOf(request);
  if (!claim)
    throw refuse("AuthFailure", "The request is not signed: it has no Authorization.", 401);
  checkAge(claim, now);
  const bodyHash = sha256(body);
  const [, told] = request.headers.find(([name]) => name === "x-amz-content-sha256") ?? [];
  if (told !== undefined && told.trim() !== bodyHash)
    throw refuse("SignatureDoesNotMatch", "x-amz-content-sha256 is not the hash of the body.", 403);
  const signer = await signers.find(claim.key);
  // The same work for a key that nobody has: how long it takes tells nothing.
  const expected = signature(request, claim, bodyHash, signer?.secret ?? "");
  const isRight = timingSafeEqual(Buffer.from(expected), Buffer.from(claim.signature));
  if (!signer)
    throw refuse("AuthFailure", "The provided access credentials could not be validated.", 401);
  if (!isRight)
    throw refuse(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your secret access key and the host that you signed for.",
      403,
    );
  return { claim, signer };
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
