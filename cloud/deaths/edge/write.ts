/**
 * Certificates as rows: written with the ending they are about, amended when its host tells more.
 *
 * Nothing is asked of the database for an end that somebody asked for. What a pass costs otherwise is one
 * look at the hosts of its dead and one insert.
 */
import type { MachineReport } from "@holdfast/cloud/hosts";
import { grouped } from "@holdfast/kernel/grouped";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import type { DeathCertificate } from "../core/certificate.ts";
import type { Evidence, Fence } from "../core/evidence.ts";
import { inquest } from "../core/inquest.ts";
import { askedFor } from "../core/taxonomy.ts";
import { wholeOf } from "./reads.ts";

/** An end, with what is known of it in memory; the rest is looked up. */
export interface End {
  readonly epoch: number;
  readonly evidence: Omit<Evidence, "host" | "fence"> & { readonly host: HostId };
}

/** Whom it is about. In the database that is said by the columns of the row, and not once more by what it says. */
type Who = "instance" | "generation";

/** What a certificate says and what it rests on. Guests that died with their host, and of which nothing else is known, share one. */
export interface Dossier {
  readonly epoch: number;
  readonly certificate: Omit<DeathCertificate, Who>;
  readonly evidence: Omit<Evidence, Who>;
  /** As the journal has it. */
  readonly detail: DeathDetail;
}

export interface Certified {
  readonly certificate: DeathCertificate;
  readonly dossier: Dossier;
}

export type DeathDetail = Pick<DeathCertificate, "says" | "at" | "layer" | "confidence"> & {
  readonly class: DeathCertificate["cause"];
  readonly evidence: readonly string[];
};

interface HostRow {
  readonly id: HostId;
  readonly epoch: number;
  readonly name: string;
  readonly mode: "enabled" | "draining" | "maintenance";
  readonly certificate: string | null;
  readonly proof: Fence["proof"] | null;
  readonly silent_since: Instant | null;
  readonly proven_at: Instant | null;
  readonly manager: string | null;
}

/** Holds the inquests. Ends that somebody asked for get no certificate, and are not in the answer. */
export async function certify(
  sql: Sql,
  ends: readonly End[],
): Promise<ReadonlyMap<InstanceId, Certified>> {
  const dead = ends.filter(({ evidence }) => !isAskedFor(evidence));
  if (dead.length === 0) return new Map();
  const hosts = await hostsOf(
    sql,
    dead.map(({ evidence, epoch }) => ({ host: evidence.host, epoch })),
  );
  const dossiers = new Map<string, Dossier>();
  const certified = dead.map((end): Certified => {
    const { evidence, epoch } = end;
    const { instance, generation } = evidence;
    const shared = isLikeOthers(end) ? `${keyOf(evidence.host, epoch)} ${evidence.at}` : undefined;
    const known = shared === undefined ? undefined : dossiers.get(shared);
    const dossier = known ?? dossierOf(end, hosts.get(keyOf(evidence.host, epoch)));
    if (shared !== undefined) dossiers.set(shared, dossier);
    return { certificate: { instance, generation, ...dossier.certificate }, dossier };
  });
  return new Map(
    certified
      .filter(({ certificate }) => !askedFor.has(certificate.cause))
      .map((one) => [one.certificate.instance, one]),
  );
}

/** Nothing is known of it that is not known of every guest of its host. */
function isLikeOthers({ evidence }: End): boolean {
  const { instance: _, generation: __, host: ___, at: ____, ...more } = evidence;
  return Object.values(more).every((one) => one === undefined);
}

function dossierOf({ epoch, evidence: given }: End, host: HostRow | undefined): Dossier {
  const whole: Evidence = { ...given, ...aboutHost(host, given) };
  const { instance: _, generation: __, ...certificate } = inquest(whole);
  const { instance: ___, generation: ____, ...evidence } = whole;
  return { epoch, certificate, evidence, detail: detailOf(certificate) };
}

const detailOf = (certificate: Dossier["certificate"]): DeathDetail => {
  const { cause, says, at, layer, confidence } = certificate;
  return { class: cause, says, at, layer, confidence, evidence: summaryOf(certificate) };
};

/** Only with a name behind it: an order alone may have come from the platform, over maintenance say. */
function isAskedFor({ host, ...evidence }: End["evidence"]): boolean {
  if (!evidence.asked) return false;
  return askedFor.has(inquest({ ...evidence, host: { id: host, name: "" } }).cause);
}

function aboutHost(
  row: HostRow | undefined,
  { host, at }: End["evidence"],
): Pick<Evidence, "host" | "fence" | "maintenance"> {
  if (!row) return { host: { id: host, name: host } };
  const { certificate: id, proof, silent_since: silentSince, proven_at: provenAt, manager } = row;
  return {
    host: { id: host, name: row.name },
    ...(row.mode === "enabled" ? {} : { maintenance: { at, mode: row.mode } }),
    ...(id && proof && silentSince !== null && provenAt !== null
      ? { fence: { id, proof, silentSince, provenAt, manager: manager ?? "" } }
      : {}),
  };
}

async function hostsOf(
  sql: Sql,
  wanted: readonly { readonly host: HostId; readonly epoch: number }[],
): Promise<ReadonlyMap<string, HostRow>> {
  const rows = await sql.query<HostRow>(
    `select h.id, d.epoch, h.name, h.mode, f.id as certificate, f.proof, f.silent_since, f.proven_at, f.manager
     from (select distinct * from unnest($1::uuid[], $2::int[]) w (host_id, epoch)) d
     join host h on h.id = d.host_id
     left join fence_certificate f on f.host_id = d.host_id and f.epoch = d.epoch`,
    [wanted.map(({ host }) => host), wanted.map(({ epoch }) => epoch)],
  );
  return new Map(rows.map((row) => [keyOf(row.id, row.epoch), row]));
}

const keyOf = (host: HostId, epoch: number) => `${host} ${epoch}`;

/** One text for all who share a dossier: to read the same JSON anew for each guest of a rack was most of what this cost. */
export async function insertDeaths(
  sql: Sql,
  certified: Iterable<Certified>,
  now: Instant,
): Promise<void> {
  const rows = [...grouped([...certified], ({ dossier }) => dossier)].map(([dossier, of]) => ({
    ...columnsOf(dossier),
    host_id: dossier.certificate.host.id,
    host_epoch: dossier.epoch,
    fence: dossier.evidence.fence?.id ?? null,
    instances: of.map(({ certificate }) => certificate.instance),
    generations: of.map(({ certificate }) => certificate.generation),
  }));
  if (rows.length === 0) return;
  await sql.query(
    `insert into death (instance_id, generation, host_id, host_epoch, at, recorded_at, cause, layer, confidence,
       certificate, evidence, fence)
     select w.instance_id, w.generation, p.host_id, p.host_epoch, p.at, $2, p.cause, p.layer, p.confidence,
       p.certificate, p.evidence, p.fence
     from json_to_recordset($1::json) p (host_id uuid, host_epoch int, at timestamptz, cause text, layer text,
         confidence text, certificate jsonb, evidence jsonb, fence uuid, instances uuid[], generations int[]),
       unnest(p.instances, p.generations) w (instance_id, generation)
     on conflict (instance_id, generation) do nothing`,
    [JSON.stringify(rows), iso(now)],
  );
}

interface AmendedRow {
  readonly evidence: Evidence;
  readonly cause: string;
}

/**
 * Hosts tell of machines that were certified dead without them. Only the host that had it is heard, and only
 * once: what it says first is what it saw.
 */
export async function amendDeaths(
  sql: Sql,
  reports: readonly { readonly host: HostId; readonly report: MachineReport }[],
  now: Instant,
): Promise<void> {
  const told = reports.filter(({ report }) => report.exit);
  if (told.length === 0) return;
  const rows = await sql.query<AmendedRow>(
    `select ${wholeOf("evidence")} as evidence, d.cause from death d
     join unnest($1::uuid[], $2::int[], $3::uuid[]) w (instance_id, generation, host_id)
       on d.instance_id = w.instance_id and d.generation = w.generation and d.host_id = w.host_id
     where not d.evidence ? 'report' order by d.instance_id, d.generation for update of d`,
    [
      told.map(({ report }) => report.instance),
      told.map(({ report }) => report.generation),
      told.map(({ host }) => host),
    ],
  );
  const exits = new Map(told.map(({ report }) => [incarnationOf(report), report.exit]));
  const amended = rows.flatMap(({ evidence: before, cause: was }) => {
    const report = exits.get(incarnationOf(before));
    if (!report) return [];
    const evidence: Evidence = { ...before, report };
    const { instance, generation, ...said } = inquest(evidence);
    const { instance: _, generation: __, ...rest } = evidence;
    const dossier = { certificate: said, evidence: rest };
    return [{ instance, generation, was, certificate: said, columns: columnsOf(dossier) }];
  });
  if (amended.length === 0) return;
  // All in one statement: a host that comes back tells of all that it ran, and whoever waits for its guests waits for this.
  await sql.query(
    `update death d set certificate = w.certificate, evidence = w.evidence, cause = w.cause, layer = w.layer,
       confidence = w.confidence, at = w.at, amended_at = $2, first_cause = coalesce(d.first_cause, d.cause)
     from json_populate_recordset(null::death, $1::json) w
     where d.instance_id = w.instance_id and d.generation = w.generation`,
    [
      JSON.stringify(
        amended.map(({ instance, generation, columns }) => ({
          ...{ instance_id: instance, generation },
          ...columns,
        })),
      ),
      iso(now),
    ],
  );
  await appendJournal(
    sql,
    amended.map(({ instance, generation, certificate, was }) => ({
      at: now,
      kind: "instance",
      subject: instance,
      event: "deathAmended",
      generation,
      actor: "holdfast",
      detail: {
        ...{ class: certificate.cause, was, says: certificate.says },
        evidence: summaryOf(certificate),
      },
    })),
  );
}

const incarnationOf = ({ instance, generation }: Pick<Evidence, Who>) =>
  `${instance} ${generation}`;

const columnsOf = ({ certificate, evidence }: Pick<Dossier, "certificate" | "evidence">) => ({
  at: iso(certificate.at),
  cause: certificate.cause,
  layer: certificate.layer,
  confidence: certificate.confidence,
  certificate,
  evidence,
});

/** Enough for a line in the journal: what was found, without the console. */
const summaryOf = ({ evidence }: Dossier["certificate"]): readonly string[] =>
  evidence.map(({ source, says }) => `${source}: ${says}`);
