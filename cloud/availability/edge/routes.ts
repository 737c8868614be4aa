/** The answers to ../api.ts. */
import { findHostRow } from "@holdfast/cloud/hosts/edge";
import type { PicturePlacer } from "@holdfast/cloud/placement/edge";
import type { HostId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import { after, type Instant, minutes } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import * as api from "../api.ts";
import { meaningOf, statementOf } from "../core/certificate.ts";
import type { FencingRules } from "../core/fencing.ts";
import { forecast } from "../core/forecast.ts";
import { releaseBrake } from "./brake-releases.ts";
import {
  type CertificateRow,
  certify,
  findCertificate,
  type Notary,
  pageOfCertificates,
} from "./certificates.ts";
import { planMoves } from "./failover.ts";
import { noteBmc, type PowerController, removeBmc, setBmc } from "./power-controllers.ts";
import { readHost } from "./silent-hosts.ts";

interface Deps {
  readonly database: Database;
  readonly notary: Notary;
  readonly placer: PicturePlacer;
  readonly rules: () => FencingRules;
  readonly power: (bmc: { url: string; user: string; password: string }) => PowerController;
  readonly onFenced: (hosts: readonly HostId[]) => void;
}

export function availabilityRoutes({ database, notary, placer, rules, power, onFenced }: Deps) {
  const view = (row: CertificateRow) => ({
    ...row,
    evidence: { ...row.evidence },
    meaning: meaningOf(row.proof),
  });
  return {
    listFences: handle(api.listFences, async ({ query: { host, ...page } }) => {
      const of =
        host === undefined ? undefined : ((await findHostRow(database, host)).id as HostId); // A row's id is plain text.
      const { certificates, next } = await pageOfCertificates(database, of, page);
      return { certificates: certificates.map(view), next };
    }),

    getFence: handle(api.getFence, async ({ params }) => {
      const row = await findCertificate(database, params.certificate);
      return { ...view(row), statement: statementOf(row) };
    }),

    attestHost: handle(api.attestHost, async ({ params, body, caller }) => {
      const host = await findHostRow(database, params.host);
      const id = host.id as HostId; // The same: a row's id is plain text.
      if (body.name !== host.name) throw mismatch(host.name, body.name);
      const proven = await database.transaction(async (sql) => {
        const written = await certify(sql, notary, {
          host: id,
          epoch: host.epoch,
          proof: "attested",
          evidence: { by: caller.name, reason: body.reason },
          silentSince: (host.heardAt ?? 0) as Instant, // The row's own clock is the database's.
          actor: caller.name,
        });
        if (written) await announce(sql, { from: notary.self, hosts: [id], instances: [] });
        return written;
      });
      if (!proven) throw notSilent(host.name, host.state);
      onFenced([id]);
      const { certificates } = await pageOfCertificates(database, id, { limit: 1 });
      const [certificate] = certificates;
      if (!certificate) throw new Error("a certificate that was written is gone");
      return view(certificate);
    }),

    setBmc: handle(api.setBmc, async ({ params, body, caller, requestId }) => {
      const host = await findHostRow(database, params.host);
      const id = host.id as HostId;
      const now = await power(body).readPower(); // What cannot be read now could not be read back either.
      await database.transaction(async (sql) => {
        await setBmc(sql, id, body);
        await noteBmc(sql, id, now);
        const row = { at: notary.now(), kind: "host", subject: id, event: "bmcSet" } as const;
        const detail = { url: body.url, user: body.user };
        await appendJournal(sql, [{ ...row, actor: caller.name, requestId, detail }]);
      });
      return { power: now };
    }),

    removeBmc: handle(api.removeBmc, async ({ params, caller, requestId }) => {
      const host = await findHostRow(database, params.host);
      const removed = await removeBmc(database, host.id as HostId);
      const row = {
        at: notary.now(),
        kind: "host",
        subject: host.id,
        event: "bmcRemoved",
      } as const;
      if (removed) await appendJournal(database, [{ ...row, actor: caller.name, requestId }]);
      return { removed };
    }),

    releaseBrake: handle(api.releaseBrake, async ({ body, caller, requestId }) => {
      const at = notary.now();
      const until = after(at, minutes(body.minutes));
      await releaseBrake(database, body.domain, until, { at, actor: caller.name, requestId });
      return { domain: body.domain, until };
    }),

    planFailover: handle(api.planFailover, async ({ params }) => {
      const host = await findHostRow(database, params.host);
      const moves = await planMoves(database, placer, host.id as HostId);
      return { host: host.name, proof: await proofFor(host.id), moves: [...moves] };
    }),
  };

  async function proofFor(host: string): Promise<string> {
    const row = await readHost(database, host, notary.now());
    return forecast(row && { ...row, hasPower: row.bmc !== undefined }, rules());
  }
}

const mismatch = (name: string, given: string) =>
  problem("invalid", "attestation_mismatch", `You swore for ${given}, and this host is ${name}.`, {
    fix: "Look at the machine itself, then give its name once more.",
  });

const notSilent = (name: string, state: string) =>
  problem(
    "conflict",
    "host_not_silent",
    state === "suspect"
      ? `${name} was heard at this very moment: it is not dead.`
      : `${name} is ${state}: only a host that has fallen silent can be sworn dead.`,
    {
      fix:
        state === "down"
          ? `See what proved it: holdfast fences ${name}`
          : `If no new instance should go there: holdfast hosts set ${name} --mode draining`,
    },
  );
