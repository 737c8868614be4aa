/**
 * What a manager makes of what its hosts say: which part each word is for, and how a host that says hello is let in.
 *
 * A host is let in by the database alone. It may have spoken to another manager a moment ago, so nothing that this one
 * remembers of it decides anything.
 */
import { watchdogBound } from "@holdfast/cloud/availability";
import { admit, type Notary } from "@holdfast/cloud/availability/edge";
import type { StatusChecks } from "@holdfast/cloud/checks/edge";
import type { GuardReport } from "@holdfast/cloud/hosts";
import type {
  Again,
  Hello,
  HubDeps,
  Known,
  Leases,
  Purge,
  VitalNotes,
  Welcome,
} from "@holdfast/cloud/hosts/edge";
import {
  settleDepartures,
  unknownReports,
  type Worker,
  wishesForHost,
  writeProgress,
} from "@holdfast/cloud/instances/edge";
import type { MetadataWatch } from "@holdfast/cloud/metadata/edge";
import type { NetworkWatch } from "@holdfast/cloud/networks/edge";
import type { VolumeWatch } from "@holdfast/cloud/volumes/edge";
import type { HostId } from "@holdfast/kernel/ids";
import type { Clock } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import type { Logger } from "pino";
import { door } from "./door.ts";
import type { Reactions } from "./reactions.ts";
import type { Terms } from "./terms.ts";

/** The parts that hosts speak to. */
export interface Listeners {
  readonly worker: Worker;
  readonly leases: Leases;
  readonly checks: StatusChecks;
  readonly vitals: VitalNotes;
  readonly networks: NetworkWatch;
  readonly guests: MetadataWatch;
  readonly volumes: VolumeWatch;
}

export interface HearingDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly notary: Notary;
  readonly terms: Terms;
  /** What the guard of each host that is connected here said last; null: it has none. */
  readonly guards: Map<HostId, GuardReport | null>;
  readonly changed: Reactions;
  readonly log: Logger;
  readonly onError: (error: unknown) => void;
}

/** Hosts that are greeted at the same time: as many again as there are connections to the database. */
const hellosAtOnce = 16;

/** `listeners` is asked when a host speaks: some of them speak to hosts, so the hub is made before they are. */
export function hearing(deps: HearingDeps, listeners: () => Listeners): HubDeps {
  const { database, clock, notary, terms, guards, changed, log, onError } = deps;
  const greeting = door(hellosAtOnce);
  return {
    onHello: (host, hello, known) => greeting(() => welcome(host, hello, known)),
    onWelcome(host) {
      const { networks, guests, volumes } = listeners();
      networks.arrived(host);
      guests.arrived(host);
      volumes.arrived(host);
    },
    async onReport(host, epoch, { machines, volumes: made }, news) {
      const { worker, volumes } = listeners();
      const odd =
        news.length + made.length > 0
          ? await worker.report(
              news.map((report) => ({ host, epoch, report })),
              made.map((volume) => ({ ...volume, host })),
            )
          : [];
      const judged = new Set(news);
      const said = machines.filter((report) => !judged.has(report));
      await volumes.heard(host, epoch, [...said, ...odd.map(({ report }) => report)]);
    },
    onMigration(host, report) {
      writeProgress(database, host, report, clock.now()).then(
        (instance) => instance && listeners().worker.look([instance]),
        onError,
      );
    },
    async onHeartbeat(renewal) {
      guards.set(renewal.host, renewal.guard ?? null);
      await listeners().leases.renew({ ...renewal, endsWithin: watchdogBound(renewal.terms) });
    },
    onCheckup(host, epoch, checkup) {
      const { checks, vitals, volumes } = listeners();
      checks.heard(host, epoch, checkup);
      if (checkup.concerns) vitals.heard(host, epoch, checkup.concerns);
      volumes.measured(host, checkup.storage);
    },
    onNetworks: (host, epoch, look) => listeners().networks.heard(host, epoch, look),
    onStorage: (host, results) => listeners().volumes.ended(host, results),
    checkupEvery: () => listeners().checks.every(),
    onError: (host, error) => log.warn({ host, error }, "link"),
  };

  /** Whether it may come in, what it tells, and what it is to know. */
  async function welcome(
    host: HostId,
    hello: Hello,
    known: Known | undefined,
  ): Promise<Welcome | Purge | Again> {
    const { worker, leases, checks, vitals, volumes } = listeners();
    checks.arrived(host);
    vitals.arrived(host);
    const endsWithin = watchdogBound(terms.lease());
    const admitted = await admit({ database, notary, endsWithin }, host, hello, known);
    if ("again" in admitted) return admitted;
    if ("purge" in admitted) {
      log.warn({ host, purge: admitted.purge }, "a host has what may be running elsewhere");
      return admitted;
    }
    const { name, zone, epoch } = admitted;
    const news = await unknownReports(database, host, epoch, hello.machines);
    if (news.length > 0)
      await worker.report(
        news.map((report) => ({ host, epoch, report })),
        [],
      );
    await volumes.heard(host, epoch, hello.machines);
    await settleDepartures(database, host, hello.machines);
    await leases.renew({ host, epoch, guard: undefined, endsWithin });
    changed.hostsChanged([host]);
    log.info({ host, name, epoch, machines: hello.machines.length }, "a host is here");
    return {
      name,
      zone,
      epoch,
      heartbeat: terms.heartbeat(),
      ...terms.lease(),
      concurrentStarts: terms.concurrentStarts(),
      ...(await wishesForHost(database, host, terms.patience())),
    };
  }
}
