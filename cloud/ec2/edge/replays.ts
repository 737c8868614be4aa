/**
 * A signed request that changes something is good once: whoever has recorded one cannot stop an instance with it that
 * was started since.
 *
 * What a newcomer would get wrong: two requests with the same signature are not always the same request. A signature
 * knows its second and no more, so a program that is refused, mends what was in the way and asks again within that
 * second signs the very same text. Within it both are carried out, as EC2 does; later nobody can have signed it anew.
 *
 * Each manager remembers what it has seen itself, for as long as a signature is good; when there are too many, the
 * oldest are forgotten. What must not happen twice beyond that carries a ClientToken, which all managers know.
 */
import { after, type Instant, seconds } from "@holdfast/kernel/time";
import { refuse } from "../core/errors.ts";

/** A second of the signer's, and what a busy network adds to it. */
const sameMoment = seconds(2);
const most = 200_000;

export function replays() {
  const known = new Map<string, { readonly first: Instant; readonly until: Instant }>();

  /** Rejects a signature that was seen before. `until`: when it is good no more. */
  return (signature: string, now: Instant, until: Instant): void => {
    const before = known.get(signature);
    if (before && now > after(before.first, sameMoment))
      throw refuse(
        "RequestExpired",
        "This signed request has been carried out already. Sign another.",
      );
    if (before) return;
    for (const [old, { until: end }] of known) {
      if (end > now && known.size < most) break;
      known.delete(old);
    }
    known.set(signature, { first: now, until });
  };
}
