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
import { type AskedPage, readPage } from "@holdfast/store/pages";
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

/** Of one host: what `certifyAll` says of it. */
export async function certify(
  sql: Sql,
  notary: Notary,
  proven: Proven,
): Promise<FenceCertificate | undefined> {
  return (await certifyAll(sql, notary, [proven]))[0];
}

/**
 * Calls silent hosts down. Of those that are not in the answer there was nothing to call down any more: they were heard, or
 * another manager was faster. The instances of the others are due for a look with the same commit.
 */
export async function certifyAll(
  sql: Sql,
  notary: Notary,
  all: readonly Proven[],
): Promise<readonly FenceCertificate[]> {
  // Instances are locked before hosts, here as everywhere.
  await lookAtGuests(
    sql,
    all.map(({ host }) => host),
  );
  const leases = await sql.query<{ host: HostId; epoch: number; renewedAt: Instant }>(
    `select host_id as host, epoch, renewed_at as "renewedAt" from host_lease
     where host_id = any($1) order by host_id for update`,
    [all.map(({ host }) => host)],
  );
  const leaseOf = new Map(leases.map((lease) => [lease.host, lease]));
  const silent = all.filter(({ host, epoch, silentSince }) => {
    const lease = leaseOf.get(host);
    return lease?.epoch === epoch && lease.renewedAt <= silentSince;
  });
  if (silent.length === 0) return [];
  const eventOf = ({ proof }: Proven) =>
    proof === "attested" ? "operatorAttested" : "fenceProven";
  const down = await sql.query<{ id: HostId }>(
    `update host h set state = d.state from unnest($1::uuid[], $2::int[], $3::text[]) d (id, epoch, state)
     where h.id = d.id and h.epoch = d.epoch and h.state = 'suspect' returning h.id`,
    [
      silent.map(({ host }) => host),
      silent.map(({ epoch }) => epoch),
      silent.map((proven) => hostLifecycle.next("suspect", eventOf(proven))),
    ],
  );
  const isDown = new Set(down.map(({ id }) => id));
  return record(
    sql,
    notary,
    silent
      .filter(({ host }) => isDown.has(host))
      .map((proven) => ({ ...proven, steps: [["suspect", eventOf(proven), "down"]] })),
  );
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
  const [certificate] = await record(sql, notary, [
    { ...proven, proof: "boot-id", actor: "holdfast", steps },
  ]);
  if (!certificate) throw new Error("a certificate was asked for and not written");
  return certificate;
}

type Step = readonly [from: HostState, event: HostEvent, to: HostState];

async function record(
  sql: Sql,
  { self, mintId, sign, now }: Notary,
  all: readonly (Proven & { readonly steps: readonly Step[] })[],
): Promise<readonly FenceCertificate[]> {
  if (all.length === 0) return [];
  const certificates = all.map(
    ({ host, epoch, proof, evidence, silentSince }): FenceCertificate => ({
      ...{ id: mintId(), host, epoch, proof, covers: coverOf(proof) },
      ...{ silentSince, provenAt: now(), manager: self, evidence },
    }),
  );
  const signatures = await Promise.all(certificates.map((one) => sign(statementOf(one))));
  await sql.query("update host_lease set epoch = 0 where host_id = any($1)", [
    certificates.map(({ host }) => host),
  ]);
  await sql.query(
    `insert into fence_certificate
       (id, host_id, epoch, proof, covers, silent_since, proven_at, manager, evidence, signature)
     select id, host, epoch, proof, covers, "silentSince", "provenAt", manager, evidence, signature
     from json_to_recordset($1::json) d (id uuid, host uuid, epoch int, proof text, covers text,
       "silentSince" timestamptz, "provenAt" timestamptz, manager text, evidence jsonb, signature text)`,
    [
      JSON.stringify(
        certificates.map((one, index) => ({
          ...{ ...one, signature: signatures[index] },
          ...{ silentSince: iso(one.silentSince), provenAt: iso(one.provenAt) },
        })),
      ),
    ],
  );
  await appendJournal(
    sql,
    certificates.flatMap((certificate, index) => {
      const { id, host, proof, evidence, provenAt } = certificate;
      const { steps = [], actor = "holdfast" } = all[index] ?? {};
      return steps.map(([from, event, to]) => ({
        ...{ at: provenAt, kind: "host" as const, subject: host, event, from, to, actor },
        ...(to === "down" ? { detail: { certificate: id, proof, ...evidence } } : {}),
      }));
    }),
  );
  return certificates;
}

export interface CertificateRow extends FenceCertificate {
  readonly name: string;
  readonly signature: string;
}

/** Newest first; of one host, or of all. Rejects with `cursor_not_valid`. */
export async function pageOfCertificates(
  sql: Sql,
  host: HostId | undefined,
  page: AskedPage,
): Promise<{ certificates: readonly CertificateRow[]; next: string | null }> {
  const { items, next } = await readPage<CertificateRow>(
    sql,
    {
      name: `fences ${host ?? "of all"}`,
      from: "fence_certificate f",
      where: [["f.host_id = ?", host]],
      newestFirst: true,
      show: selectCertificates,
    },
    page,
  );
  return { certificates: items, next };
}

/** Rejects with `certificate_not_found`. */
export async function findCertificate(sql: Sql, id: string): Promise<CertificateRow> {
  const [row] = await sql.query<CertificateRow>(`${selectCertificates()} where f.id = $1`, [id]);
  if (row) return row;
  throw problem("not_found", "certificate_not_found", `There is no fence certificate ${id}.`, {
    fix: "See them: holdfast fences",
  });
}

const selectCertificates = (
  from = "fence_certificate f",
) => `select f.id, f.host_id as host, h.name, f.epoch, f.proof, f.covers,
  f.silent_since as "silentSince", f.proven_at as "provenAt", f.manager, f.evidence, f.signature
  from ${from} join host h on h.id = f.host_id`;
