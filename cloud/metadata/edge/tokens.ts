/**
 * Tokens that need no memory: each says for whom and until when it is, and is signed with a key that this
 * process made for itself. When it is restarted guests are told 401 and ask for another, as they do when
 * one runs out.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "@holdfast/kernel/time";
import type { Tokens } from "../core/request.ts";

/** `key`: 32 unguessable bytes. The returned function gives the tokens of one guest. */
export function signedTokens(key: Uint8Array, clock: Clock): (guest: string) => Tokens {
  return (guest) => {
    const sign = (until: string) =>
      createHmac("sha256", key).update(`${guest} ${until}`).digest("base64url");
    return {
      issue(lifetime) {
        const until = (clock.now() + lifetime * 1_000).toString(36);
        return `${until}.${sign(until)}`;
      },
      isValid(token) {
        const [until = "", signature = ""] = token.split(".");
        const given = Buffer.from(signature);
        const right = Buffer.from(sign(until));
        const isOurs = given.length === right.length && timingSafeEqual(given, right);
        return isOurs && Number.parseInt(until, 36) > clock.now();
      },
    };
  };
}
