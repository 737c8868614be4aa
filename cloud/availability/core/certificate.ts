/**
 * The fence certificate: what proves that nothing of one epoch of a host can still be running.
 *
 * It is signed by the platform's own authority and never changed. Only with it may an instance of that
 * host be started again, so each restart after a host's death can show the paper that allowed it.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";

export const proofs = ["power-off", "watchdog", "boot-id", "storage-cut", "attested"] as const;
export type Proof = (typeof proofs)[number];

export interface FenceCertificate {
  readonly id: string;
  readonly host: HostId;
  readonly epoch: number;
  readonly proof: Proof;
  /** `shared`: only guests on shared pools. On its own disks nobody else can start them, so nobody ends them. */
  readonly covers: "everything" | "shared";
  readonly silentSince: Instant;
  readonly provenAt: Instant;
  /** The manager that wrote it. */
  readonly manager: string;
  /** What was seen, by name. */
  readonly evidence: Readonly<Record<string, string | number | boolean | null>>;
}

export const coverOf = (proof: Proof): FenceCertificate["covers"] =>
  proof === "watchdog" || proof === "storage-cut" ? "shared" : "everything";

const meanings: Readonly<Record<Proof, string>> = {
  "power-off": "its power was read back as off",
  watchdog: "its watchdog has reset it by then for certain",
  "boot-id": "it came back from a new boot, so nothing of the old one is left",
  "storage-cut": "its access to its volumes was taken away",
  attested: "a person has sworn that it is off",
};
export const meaningOf = (proof: Proof) => meanings[proof];

/**
 * What is signed: every field, one per line, in this order. Evidence is written as JSON, so that no text
 * in it can pass for another line.
 */
export function statementOf(certificate: FenceCertificate): string {
  const { id, host, epoch, proof, covers, silentSince, provenAt, manager, evidence } = certificate;
  const lines = [
    "holdfast fence certificate 1",
    id,
    host,
    String(epoch),
    proof,
    covers,
    iso(silentSince),
    iso(provenAt),
    manager,
    ...Object.keys(evidence)
      .sort()
      .map((name) => `${name}=${JSON.stringify(evidence[name])}`),
  ];
  return lines.map((line) => `${line}\n`).join("");
}
