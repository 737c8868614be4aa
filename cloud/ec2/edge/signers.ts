/**
 * Who holds the key that a request is signed with. The secret itself is needed: a signature is checked by making it
 * again, so a hash of the secret would not do.
 */
import type { Caller } from "@holdfast/kernel/route";

export interface Signers {
  find(accessKeyId: string): Promise<Signer | undefined>;
}

export interface Signer {
  readonly secret: string;
  readonly caller: Caller;
}
