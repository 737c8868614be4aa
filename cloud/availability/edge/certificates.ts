/**
 * Proofs of death, as rows.
 *
 * One transaction takes the lease away, calls the host down, and stores the paper: a host that is heard a
 * moment earlier is not fenced, and one that speaks a moment later is refused.
 */
import { type HostEvent, type HostState, hostLifecycle } from "@holdfast/cloud/hosts";
import { lookAtGuests } from "@holdfast/cloud/hosts/edge";
import type { HostId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { coverOf, type FenceCertificate, type Proof, statementOf } from "../core/certificate.ts";

export interface Notary {
  readonly self: string;
  readonly mintId: () => string;
  readonly sign: (text: string) => Promise<string>;
  readonly now: () => Instant;
}

export interface Proven {
  readonly host: HostId;
  readonly epoch: number;
  readonly proof: Proof;
  readonly evidence: FenceCertificate["evidence"];
  /** Its last renewal, as it was when this was concluded; a later one makes it void. */
  readonly silentSince: Instant;
  readonly actor: string;
}

/**
 * Calls a silent host down. Undefined if there is nothing to call down any more: it was heard, or another
 * manager was faster. Its instances are due for a look with the same commit.
 */
export async function certify(
  sql: Sql,
  notary: Notary,
  proven: Proven,
): Promise<FenceCertificate | undefined> {
  const { host, epoch } = proven;
  await lookAtGuests(sql, [host]); // Instances are locked before hosts, here as everywhere.
  const [lease] = await sql.query<{ epoch: number; renewedAt: Instant }>(
    `select epoch, renewed_at as "renewedAt" from host_lease where host_id = $1 for update`,
    [host],
  );
  if (lease?.epoch !== epoch || lease.renewedAt > proven.silentSince) return undefined;
  const event = proven.proof === "attested" ? "operatorAttested" : "fenceProven";
  const [down] = await sql.query(
    "update host set state = $3 where id = $1 and epoch = $2 and state = 'suspect' returning id",
    [host, epoch, hostLifecycle.next("suspect", event)],
  );
  if (!down) return undefined;
  return record(sql, notary, proven, [["suspect", event, "down"]]);
}

/** A host that came back from another boot: whatever ran in the old one has ended, heard or not. */
export async function certifyReboot(
  sql: Sql,
  notary: Notary,
  proven: Omit<Proven, "proof" | "actor">,
  from: HostState,
): Promise<FenceCertificate> {
  const steps: Step[] = [["suspect", "fenceProven", "down"]];
  if (from === "up") steps.unshift(["up", "leaseExpired", "suspect"]);
  return record(sql, notary, { ...proven, proof: "boot-id", actor: "holdfast" }, steps);
}

type Step = readonly [from: HostState, event: HostEvent, to: HostState];

async function record(
  sql: Sql,
  { self, mintId, sign, now }: Notary,
  { host, epoch, proof, evidence, silentSince, actor }: Proven,
  steps: readonly Step[],
): Promise<FenceCertificate> {
  const certificate: FenceCertificate = {
    id: mintId(),
    host,
    epoch,
    proof,
    covers: coverOf(proof),
    silentSince,
    provenAt: now(),
    manager: self,
    evidence,
  };
  await sql.query("update host_lease set epoch = 0 where host_id = $1", [host]);
  await sql.query(
    `insert into fence_certificate
       (id, host_id, epoch, proof, covers, silent_since, proven_at, manager, evidence, signature)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      certificate.id,
      host,
      epoch,
      proof,
      certificate.covers,
      iso(silentSince),
      iso(certificate.provenAt),
      self,
      JSON.stringify(evidence),
      await sign(statementOf(certificate)),
    ],
  );
  await appendJournal(
    sql,
    steps.map(([from, event, to]) => ({
      at: certificate.provenAt,
      kind: "host" as const,
      subject: host,
      event,
      from,
      to,
      actor,
      ...(to === "down" ? { detail: { certificate: certificate.id, proof, ...evidence } } : {}),
    })),
  );
  return certificate;
}

export interface CertificateRow extends FenceCertificate {
  readonly name: string;
  readonly signature: string;
}

/** Newest first; of one host, or of all. */
export function listCertificates(
  sql: Sql,
  { host, limit }: { host?: HostId; limit: number },
): Promise<readonly CertificateRow[]> {
  return sql.query<CertificateRow>(
    `${selectCertificates} where $1::uuid is null or f.host_id = $1 order by f.proven_at desc limit $2`,
    [host ?? null, limit],
  );
}

/** Rejects with `certificate_not_found`. */
export async function findCertificate(sql: Sql, id: string): Promise<CertificateRow> {
  const [row] = await sql.query<CertificateRow>(`${selectCertificates} where f.id = $1`, [id]);
  if (row) return row;
  throw problem("not_found", "certificate_not_found", `There is no fence certificate ${id}.`, {
    fix: "See them: holdfast fences",
  });
}

const selectCertificates = `select f.id, f.host_id as host, h.name, f.epoch, f.proof, f.covers,
  f.silent_since as "silentSince", f.proven_at as "provenAt", f.manager, f.evidence, f.signature
  from fence_certificate f join host h on h.id = f.host_id`;
