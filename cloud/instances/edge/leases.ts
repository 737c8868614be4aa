/** What the rows of hosts and certificates say of a process: whether its host is heard, or proven dead. */
import { meaningOf, type Proof } from "@holdfast/cloud/availability";
import type { HostState } from "@holdfast/cloud/hosts";
import type { Instant } from "@holdfast/kernel/time";
import type { Fence, World } from "../core/model.ts";

/** A host that was proven dead says nothing of a guest that the proof does not cover. */
export const leaseOf = {
  up: "valid",
  suspect: "expired",
  down: "expired",
} as const satisfies Record<HostState, World["lease"]>;

export interface Certified {
  readonly certificate: string | null;
  readonly proof: Proof | null;
  readonly proven_at: Instant | null;
}

export const fenceOf = ({
  certificate,
  proof,
  proven_at: provenAt,
}: Certified): Fence | undefined =>
  certificate && proof && provenAt !== null
    ? { certificate, proof, says: meaningOf(proof), provenAt }
    : undefined;
