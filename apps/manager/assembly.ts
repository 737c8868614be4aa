/**
 * A manager without its doors, put together: its clock, its database and its news are handed to it, in production and in a
 * simulation alike. It holds no state of its own.
 *
 * Read it from top to bottom as the list of what a manager consists of. What it makes of what hosts say is in hearing.ts, what
 * it does when something has changed in reactions.ts, and what it does by itself in rounds.ts.
 */
import type { Readable } from "node:stream";
import {
  type Access,
  access,
  checkPlatformKey,
  ensureDefaultProject,
  type SingleSignOn,
  sealWith,
  singleSignOn,
} from "@holdfast/cloud/access/edge";
import { type AuditLog, auditLog } from "@holdfast/cloud/audit/edge";
import { watchdogBound } from "@holdfast/cloud/availability";
import {
  fencer,
  fencingTroubles,
  type PowerController,
  storageCut,
} from "@holdfast/cloud/availability/edge";
import type { Limits } from "@holdfast/cloud/checks";
import {
  checkTroubles,
  hostTroubles,
  instanceTroubles,
  type Measures,
  measure,
  type NamedSource,
  statusChecks,
} from "@holdfast/cloud/checks/edge";
import { eventTroubles, eventWatch, rehearsals } from "@holdfast/cloud/events/edge";
import type { GuardReport } from "@holdfast/cloud/hosts";
import {
  type Authority,
  enrolment,
  ensureDefaultPlace,
  type Hub,
  hostLeases,
  openHub,
  vitalNotes,
} from "@holdfast/cloud/hosts/edge";
import { imageImports, manifestCache } from "@holdfast/cloud/images/edge";
import { startWorker } from "@holdfast/cloud/instances/edge";
import { invariantTroubles, invariantWatch } from "@holdfast/cloud/invariants/edge";
import { journalRoutes } from "@holdfast/cloud/journal/edge";
import { metadataWatch } from "@holdfast/cloud/metadata/edge";
import { networkTroubles, networkWatch } from "@holdfast/cloud/networks/edge";
import { picturePlacer } from "@holdfast/cloud/placement/edge";
import type { Settings } from "@holdfast/cloud/settings";
import { liveSettings } from "@holdfast/cloud/settings/edge";
import { volumeKeys, volumeTroubles, volumeWatch } from "@holdfast/cloud/volumes/edge";
import type { Blobs, Disks } from "@holdfast/drivers/images";
import type { Webhooks } from "@holdfast/drivers/webhook";
import type { HostId, MintId } from "@holdfast/kernel/ids";
import type { Handler } from "@holdfast/kernel/route";
import type { Clock, Instant, Ticks } from "@holdfast/kernel/time";
import { databaseClock } from "@holdfast/store/clock";
import type { Database } from "@holdfast/store/database";
import type { Listener, News } from "@holdfast/store/news";
import { watchJournal } from "@holdfast/store/tail";
import type { Logger } from "pino";
import type { GuardRenewal, GuardTerms } from "./agents.ts";
import { handlersOf } from "./handlers.ts";
import { hearing, type Listeners } from "./hearing.ts";
import { hostReader } from "./host-reader.ts";
import { liveMovers } from "./movers.ts";
import { jobProgress } from "./progress.ts";
import { type Lookers, reactions, seenOnly } from "./reactions.ts";
import { rounds } from "./rounds.ts";
import { termsFrom } from "./terms.ts";
import { ensureDefaultTypes } from "./types.ts";

/** What is different at each desk, and in production. */
export interface AssemblyOptions {
  readonly name: string;
  readonly agents: {
    readonly address: string;
    readonly port: number;
    /** The names and addresses that agents may know this manager by. */
    readonly names: readonly string[];
  };
  readonly blobs: Blobs;
  readonly disks: Disks;
  /** What switches a host off from outside. */
  readonly power: (bmc: { url: string; user: string; password: string }) => PowerController;
  /** What carries messages to the web servers of users. */
  readonly webhooks: Webhooks;
  readonly download: (url: string, most: number) => Promise<Readable>;
  /** Where the platform's own logs are, for `trace`. */
  readonly logDirectory: string | undefined;
  readonly ticks: Ticks;
  readonly mintId: MintId;
  readonly mintSecret: () => string;
  /** 32 bytes, the same for all managers; secrets in the database are sealed with it. */
  readonly platformKey: Uint8Array;
  readonly mintName: () => string;
  readonly log: Logger;
}

/** What a manager has of the world outside of it, in production and in a simulation alike. */
export interface ManagerPorts {
  readonly database: Database;
  readonly openAuthority: (database: Database, clock: Clock) => Promise<Authority>;
  /** Hears what other managers announce; see store/news.ts. */
  readonly listen: (onNews: (news: News) => void, onReconnect: () => void) => Listener;
  /** How many managers there are; absent: this one. */
  readonly managers?: () => number;
}

/** A manager without its doors. Nothing in it has begun to act by itself before `begin`. */
export interface Assembly {
  readonly access: Access;
  readonly signOn: SingleSignOn;
  readonly audit: AuditLog;
  readonly now: () => Instant;
  readonly handlers: readonly Handler[];
  readonly clock: Clock;
  readonly settings: () => Settings;
  readonly checkLimits: () => Limits;
  readonly hub: Hub;
  readonly authority: Authority;
  readonly enrolment: ReturnType<typeof enrolment>;
  readonly take: ReturnType<typeof imageImports>["take"];
  readonly measure: () => Promise<Measures>;
  /** A guard asks past its agent; see agents.ts. */
  renewForGuard(host: HostId, renewal: GuardRenewal): Promise<GuardTerms>;
  begin(): void;
  /** Begin nothing any more, and hear no news. What is under way goes on. */
  quiet(): Promise<void>;
  /** After `quiet`. Resolves when all that was under way has come to its end. */
  close(): Promise<void>;
}

/** Everything of a manager but its doors. Its clock, its database and its news are handed to it. */
export async function assembleManager(
  options: AssemblyOptions,
  { database, openAuthority, listen, managers = () => 1 }: ManagerPorts,
): Promise<Assembly> {
  const { name: self, ticks, mintId, mintSecret, log, blobs, disks } = options;
  const onError = (error: unknown) => log.error({ error }, "could not do what is due");

  const clock = await databaseClock(database, ticks);
  const seal = sealWith(options.platformKey);
  await checkPlatformKey(database, seal);
  const keys = volumeKeys(seal, mintId, mintSecret);
  await ensureDefaultPlace(database);
  await ensureDefaultProject(database, mintId);
  await ensureDefaultTypes(database);
  const settings = await liveSettings(database);
  const terms = termsFrom(settings.current);

  let together: (Lookers & Listeners) | undefined;
  /** Those that hear of it when something happens; some are made below what they hear it from. */
  const parts = () =>
    (together ??= {
      ...{ database, settings, terms, hub, journal, worker, placer, leases, checks, vitals },
      ...{ networks, guests, volumes, planned, progress, manifests, onError },
    });
  const changed = reactions(parts);
  const placer = picturePlacer(terms.placement);
  const progress = jobProgress();
  const manifests = manifestCache(clock);
  const worker = startWorker({
    database,
    placer,
    images: manifests,
    patience: terms.patience,
    moves: terms.moves,
    now: clock.now,
    self,
    limits: terms.passes,
    onDone: changed.passed,
    onError: (error, about) => log.error({ error, about }, "could not carry out"),
  });

  const leases = hostLeases({
    ...{ database, clock, ticks, self, onError },
    lease: () => terms.lease().lease,
    flaps: terms.flaps,
    onChanged: changed.hostsChanged,
  });
  const authority = await openAuthority(database, clock);
  const notary = { self, mintId, sign: authority.sign, now: clock.now };
  const fencing = fencer({
    database,
    notary,
    rules: terms.fencing,
    power: options.power,
    storage: storageCut({
      sql: database,
      hosts: () => hub.hosts(),
      poolsOf: (host) => hub.poolsOf(host),
      cut: (host, all) => hub.cutFromStorage(host, all),
    }),
    isSettling: leases.isSettling,
    steadySince: leases.steadySince,
    onFenced: changed.hostsChanged,
    onError: (error, about) => log.warn({ error, about }, "fencing"),
  });
  const guards = new Map<HostId, GuardReport | null>();
  const checks = statusChecks({
    ...{ database, clock, mintId, worker, onError },
    settings: settings.current,
    webhooks: options.webhooks,
  });
  const vitals = vitalNotes({
    ...{ database, clock, self, onError },
    onChanged: (hosts) => placer.distrust(hosts),
  });
  /** Who knows of something wrong. */
  const troubles: readonly NamedSource[] = [
    { about: "status checks", find: checkTroubles(database, checks.limits) },
    { about: "instances", find: instanceTroubles(database) },
    { about: "hosts", find: hostTroubles(database, hasGuard, hopeFor) },
    { about: "fencing", find: fencingTroubles(fencing) },
    { about: "networks", find: networkTroubles(database, () => networks.looks()) },
    { about: "volumes", find: volumeTroubles(database, terms.volumeShares) },
    { about: "planned work", find: eventTroubles(database) },
    { about: "what always holds", find: invariantTroubles(database) },
  ];
  const hub = openHub({
    ...hearing({ database, clock, notary, terms, guards, changed, log, onError }, parts),
    openKey(sealed) {
      try {
        return keys.open(sealed);
      } catch (error) {
        log.error({ error }, "a key of a volume cannot be opened");
        return sealed;
      }
    },
  });

  const imports = imageImports({
    ...{ database, blobs, disks, clock, self, onError },
    keepStrays: terms.keepStrays,
    download: (url) => options.download(url, terms.largestImage()),
    onReady: (instances) => worker.look(instances),
  });
  const networks = networkWatch({
    ...{ database, clock, ticks, self, onError },
    hosts: hub.hosts,
    tell: hub.tellNetworks,
    tellChanges: hub.tellNetworkChanges,
    told: hub.toldNetworks,
  });
  const volumes = volumeWatch({
    ...{ database, mintId, self, onError },
    now: clock.now,
    checkInterval: terms.volumeChecks,
    hosts: hub.hosts,
    tell: hub.tellStorage,
    place: terms.backups,
    onChanged: changed.volumesChanged,
  });
  const guests = metadataWatch({
    ...{ database, ticks, onError },
    hosts: hub.hosts,
    tell: hub.tellGuests,
    tellChanges: hub.tellGuestChanges,
  });
  const invariants = invariantWatch({
    ...{ database, clock, self, onError },
    every: terms.invariants,
    onBroken: (violation) => log.error({ violation }, "what should always hold does not"),
  });
  const sites = {
    placer: rehearsals(terms.placement),
    movers: liveMovers({ database, worker, clock, mintId }),
  };
  const journal = await watchJournal({
    database,
    besides: seenOnly,
    onSubjects: changed.journalSays,
    onFlood: changed.lookAtAll,
  });
  const planned = eventWatch({
    ...{ ...sites, database, mintId, self, onError },
    now: clock.now,
    onChanged: changed.plansCarriedOut,
  });
  const joining = enrolment({ database, authority, clock, mintId, mintSecret, self });
  const audit = auditLog({ database, now: clock.now, onError });
  const gate = access({
    ...{ database, clock, seal, mintId, mintSecret, managers },
    limits: terms.sessions,
    pace: terms.pace,
    paceOfNobody: terms.paceOfNobody,
  });
  const { sessions } = gate;
  const stream = journalRoutes({ database, ticks });
  const agentAddress = `${options.agents.names[0]}:${options.agents.port}`;
  const handlers = handlersOf({
    ...{
      database,
      clock,
      mintId,
      mintSecret,
      self,
      settings,
      seal,
      keys,
      worker,
      ticks,
      blobs,
      gate,
    },
    ...{ mintName: options.mintName, power: options.power, agentAddress, onError },
    ...{ hub, guards, placer, sites, notary, troubles, enrolment: joining },
    fencingRules: terms.fencing,
    journal: stream.routes,
    hosts: hostReader({ database, hub, logDirectory: options.logDirectory }),
    progress: progress.wait,
    checkLimits: checks.limits,
    onImport: () => void imports.sweep().catch(onError),
    onWarmth: manifests.forget,
    onNetworks: () => void changed.lookAtJournal(),
    onFenced: changed.hostsChanged,
    onVolumes: changed.volumesChanged,
    onPlans(hosts) {
      changed.plansCarriedOut(hosts);
      planned.changed();
    },
  });
  const byItself = rounds({
    ...{ database, clock, terms, hub, worker, leases, fencing, checks, invariants, volumes },
    ...{ planned, audit, sessions, imports, changed, log, onError },
  });

  let listener: Listener | undefined;
  return {
    ...{ access: gate, audit, now: clock.now, handlers, hub, authority, clock },
    ...{ enrolment: joining, take: imports.take },
    signOn: singleSignOn({ database, sessions, clock, seal, mintId }),
    settings: settings.current,
    checkLimits: checks.limits,
    measure: () => measure(database, checks.limits(), clock.now()),
    async renewForGuard(host, { epoch, bootId, watchdog, stamped }) {
      const told = terms.lease();
      const guard = { watchdog, stamped };
      await leases.renew({ host, epoch, bootId, guard, endsWithin: watchdogBound(told) });
      return told;
    },
    begin() {
      listener = listen(changed.hear, changed.catchUp);
      byItself.begin();
    },
    async quiet() {
      byItself.end();
      await listener?.close();
      stream.close();
    },
    async close() {
      hub.close();
      await networks.close();
      await volumes.close();
      await planned.close();
      await guests.close();
      await checks.close();
      await invariants.close();
      await vitals.close();
      await audit.close();
      await worker.close();
      await database.close();
    },
  };

  /** Undefined: this manager has not heard of it, another one may have. */
  function hasGuard(host: HostId): boolean | undefined {
    const report = guards.get(host);
    return report === undefined || !hub.isConnected(host) ? undefined : report !== null;
  }

  function hopeFor(name: string) {
    return fencing.pursuits().find(({ host }) => host === name)?.steps;
  }
}
