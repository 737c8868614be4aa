/**
 * A manager without its doors, put together: its clock, its database and its news are handed to it, in production and in a
 * simulation alike. It holds no state of its own.
 *
 * Read it from top to bottom as the list of what a manager consists of, and below that what it does when something happens.
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
import { type AuditLog, auditLog, forgetAudit } from "@holdfast/cloud/audit/edge";
import { watchdogBound } from "@holdfast/cloud/availability";
import {
  admit,
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
  type Again,
  type Authority,
  enrolment,
  ensureDefaultPlace,
  type Hello,
  type Hub,
  hostLeases,
  type Known,
  openHub,
  type Purge,
  vitalNotes,
  type Welcome,
} from "@holdfast/cloud/hosts/edge";
import { imageImports, manifestCache } from "@holdfast/cloud/images/edge";
import { type InstanceEvent, movePatienceFrom, patienceFrom } from "@holdfast/cloud/instances";
import {
  bytesFromMbps,
  leftoversOn,
  settleDepartures,
  startWorker,
  unknownReports,
  wishesForHost,
  writeProgress,
} from "@holdfast/cloud/instances/edge";
import { invariantTroubles, invariantWatch } from "@holdfast/cloud/invariants/edge";
import { journalRoutes } from "@holdfast/cloud/journal/edge";
import { metadataWatch } from "@holdfast/cloud/metadata/edge";
import { networkTroubles, networkWatch } from "@holdfast/cloud/networks/edge";
import { picturePlacer } from "@holdfast/cloud/placement/edge";
import type { Settings } from "@holdfast/cloud/settings";
import { liveSettings } from "@holdfast/cloud/settings/edge";
import { volumeTroubles, volumeWatch } from "@holdfast/cloud/volumes/edge";
import type { Blobs, Disks } from "@holdfast/drivers/images";
import type { Webhooks } from "@holdfast/drivers/webhook";
import type { HostId, InstanceId, MintId } from "@holdfast/kernel/ids";
import type { Handler } from "@holdfast/kernel/route";
import { type Clock, type Instant, seconds, type Ticks } from "@holdfast/kernel/time";
import { databaseClock } from "@holdfast/store/clock";
import type { Database } from "@holdfast/store/database";
import type { Listener, News } from "@holdfast/store/news";
import { watchJournal } from "@holdfast/store/tail";
import type { Logger } from "pino";
import type { GuardRenewal, GuardTerms } from "./agents.ts";
import { door } from "./door.ts";
import { handlersOf } from "./handlers.ts";
import { hostReader } from "./host-reader.ts";
import { liveMovers } from "./movers.ts";
import { jobProgress } from "./progress.ts";
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

const gib = 2 ** 30;
/** Hosts that are greeted at the same time: as many again as there are connections to the database. */
const hellosAtOnce = 16;
/** Networks and guests are looked at when the journal names them, and all of them so often; milliseconds. */
const seldom = 600_000;
const [aMinute, anHour] = [60_000, 3_600_000];
/**
 * Of an instance that has come up, or that nobody hears, its networks and its guest are told what they were told before: it
 * is where it was.
 */
const seenOnly = ["bootConfirmed", "leaseExpired"] satisfies readonly InstanceEvent[];
type InSeconds =
  | "hosts.heartbeat"
  | "hosts.lease"
  | "hosts.kill_budget"
  | "hosts.watchdog"
  | "hosts.flap_window"
  | "manager.resync"
  | "availability.power_retry"
  | "availability.power_deadline"
  | "sessions.idle"
  | "sessions.longest"
  | "images.keep_strays";

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
  await ensureDefaultPlace(database);
  await ensureDefaultProject(database, mintId);
  await ensureDefaultTypes(database);
  const settings = await liveSettings(database);
  const patience = () => patienceFrom(settings.current());
  const inSeconds = (setting: InSeconds) => seconds(settings.current()[setting]);

  const placement = () => ({
    planner: settings.current()["placement.planner"],
    factors: {
      cpu: settings.current()["placement.cpu_overprovisioning"],
      memory: settings.current()["placement.memory_overprovisioning"],
    },
  });
  const placer = picturePlacer(placement);
  const progress = jobProgress();
  const worker = startWorker({
    database,
    placer,
    images: manifestCache(clock),
    patience,
    moves: () => ({
      patience: movePatienceFrom(settings.current()),
      bytesPerSecond: bytesFromMbps(settings.current()["migrations.bandwidth"]) || undefined,
      network: settings.current()["migrations.network"] || undefined,
    }),
    now: clock.now,
    self,
    limits: () => ({
      batch: settings.current()["manager.batch"],
      resync: inSeconds("manager.resync"),
    }),
    onDone({ orders, jobs, stirs }) {
      const instances = [...orders.values()].flatMap(({ wishes }) =>
        wishes.map(({ instance }) => instance),
      );
      if (stirs.networks) networks.touched({ instances });
      if (stirs.volumes) void volumes.tick().catch(onError);
      if (stirs.guests) guests.touched(instances);
      for (const [host, { wishes, deleteVolumes }] of orders) hub.tell(host, wishes, deleteVolumes);
      progress.moved(jobs);
    },
    onError: (error, about) => log.error({ error, about }, "could not carry out"),
  });

  const leases = hostLeases({
    database,
    clock,
    ticks,
    self,
    lease: () => inSeconds("hosts.lease"),
    flaps: () => ({
      limit: settings.current()["hosts.flap_limit"],
      window: inSeconds("hosts.flap_window"),
    }),
    onChanged: onHostsChanged,
    onError,
  });
  const authority = await openAuthority(database, clock);
  const notary = { self, mintId, sign: authority.sign, now: clock.now };
  const terms = () => ({
    lease: inSeconds("hosts.lease"),
    killBudget: inSeconds("hosts.kill_budget"),
    watchdog: inSeconds("hosts.watchdog"),
  });
  const fencingRules = () => ({
    ...terms(),
    acceptsSoftware: settings.current()["hosts.software_watchdog"] === 1,
    brake: {
      pod: settings.current()["availability.brake"],
      zone: settings.current()["availability.zone_brake"],
    },
    powerRetry: inSeconds("availability.power_retry"),
    powerDeadline: inSeconds("availability.power_deadline"),
  });
  const fencing = fencer({
    database,
    notary,
    rules: fencingRules,
    power: options.power,
    storage: storageCut({
      sql: database,
      hosts: () => hub.hosts(),
      poolsOf: (host) => hub.poolsOf(host),
      cut: (host, all) => hub.cutFromStorage(host, all),
    }),
    isSettling: leases.isSettling,
    steadySince: leases.steadySince,
    onFenced: onHostsChanged,
    onError: (error, about) => log.warn({ error, about }, "fencing"),
  });
  const guards = new Map<HostId, GuardReport | null>();
  const checks = statusChecks({
    database,
    clock,
    mintId,
    settings: settings.current,
    worker,
    webhooks: options.webhooks,
    onError,
  });
  const vitals = vitalNotes({
    database,
    clock,
    self,
    onChanged: (hosts) => placer.distrust(hosts),
    onError,
  });
  /** Who knows of something wrong. */
  const troubles: readonly NamedSource[] = [
    { about: "status checks", find: checkTroubles(database, checks.limits) },
    { about: "instances", find: instanceTroubles(database) },
    { about: "hosts", find: hostTroubles(database, hasGuard, hopeFor) },
    { about: "fencing", find: fencingTroubles(fencing) },
    { about: "networks", find: networkTroubles(database, () => networks.looks()) },
    { about: "volumes", find: volumeTroubles(database, volumeShares) },
    { about: "planned work", find: eventTroubles(database) },
    { about: "what always holds", find: invariantTroubles(database) },
  ];
  const greeting = door(hellosAtOnce);
  const hub = openHub({
    onHello: (host, hello, known) => greeting(() => welcome(host, hello, known)),
    onWelcome(host) {
      networks.arrived(host);
      guests.arrived(host);
      volumes.arrived(host);
    },
    async onReport(host, epoch, { machines, volumes: made }, news) {
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
        (instance) => instance && worker.look([instance]),
        onError,
      );
    },
    async onHeartbeat(renewal) {
      guards.set(renewal.host, renewal.guard ?? null);
      await leases.renew({ ...renewal, endsWithin: watchdogBound(renewal.terms) });
    },
    onCheckup(host, epoch, checkup) {
      checks.heard(host, epoch, checkup);
      if (checkup.concerns) vitals.heard(host, epoch, checkup.concerns);
      volumes.measured(host, checkup.storage);
    },
    onNetworks: (host, epoch, look) => networks.heard(host, epoch, look),
    onStorage: (host, results) => volumes.ended(host, results),
    checkupEvery: checks.every,
    onError: (host, error) => log.warn({ host, error }, "link"),
  });

  const imports = imageImports({
    database,
    blobs,
    disks,
    clock,
    self,
    keepStrays: () => inSeconds("images.keep_strays"),
    download: (url) => options.download(url, settings.current()["images.largest"] * gib),
    onReady: (instances) => worker.look(instances),
    onError,
  });
  const networks = networkWatch({
    database,
    clock,
    ticks,
    self,
    hosts: hub.hosts,
    tell: hub.tellNetworks,
    tellChanges: hub.tellNetworkChanges,
    told: hub.toldNetworks,
    onError,
  });
  const volumes = volumeWatch({
    database,
    now: clock.now,
    mintId,
    self,
    checkInterval: () => settings.current()["volumes.check_interval"],
    hosts: hub.hosts,
    tell: hub.tellStorage,
    place: () => settings.current()["backups.place"],
    onChanged: onVolumesChanged,
    onError,
  });
  const guests = metadataWatch({
    database,
    ticks,
    hosts: hub.hosts,
    tell: hub.tellGuests,
    tellChanges: hub.tellGuestChanges,
    onError,
  });
  const invariants = invariantWatch({
    ...{ database, clock, self, onError },
    every: () => settings.current()["manager.invariants"],
    onBroken: (violation) => log.error({ violation }, "what should always hold does not"),
  });
  const sites = {
    placer: rehearsals(placement),
    movers: liveMovers({ database, worker, clock, mintId }),
  };
  const journal = await watchJournal({ database, besides: seenOnly, onSubjects, onFlood });
  const planned = eventWatch({
    ...{ ...sites, database, mintId, self, onError },
    now: clock.now,
    onChanged: onPlansCarriedOut,
  });
  const joining = enrolment({ database, authority, clock, mintId, mintSecret, self });
  const audit = auditLog({ database, now: clock.now, onError });
  const gate = access({
    ...{ database, clock, seal, mintId, mintSecret },
    limits: () => ({ idle: inSeconds("sessions.idle"), longest: inSeconds("sessions.longest") }),
    pace: () => ({
      rate: settings.current()["access.rate"],
      burst: settings.current()["access.burst"],
    }),
    paceOfNobody: () => ({
      rate: settings.current()["access.nobody_rate"],
      burst: settings.current()["access.nobody_burst"],
    }),
    managers,
  });
  const { sessions } = gate;
  const stream = journalRoutes({ database, ticks });
  const agentAddress = `${options.agents.names[0]}:${options.agents.port}`;
  const handlers = handlersOf({
    ...{ database, clock, mintId, mintSecret, self, settings, seal, worker, ticks, blobs, gate },
    ...{ mintName: options.mintName, power: options.power, agentAddress },
    ...{ hub, guards, placer, sites, notary, fencingRules, troubles, enrolment: joining },
    journal: stream.routes,
    hosts: hostReader({ database, hub, logDirectory: options.logDirectory }),
    progress: progress.wait,
    checkLimits: checks.limits,
    onImport: () => void imports.sweep().catch(onError),
    onNetworks: () => void lookAtJournal(),
    ...{ onFenced: onHostsChanged, onVolumes: onVolumesChanged, onError },
    onPlans(hosts) {
      onPlansCarriedOut(hosts);
      planned.changed();
    },
  });

  let listener: Listener | undefined;
  let beats: readonly NodeJS.Timeout[] = [];
  return {
    ...{ access: gate, audit, now: clock.now, handlers, hub, authority, clock },
    ...{ enrolment: joining, take: imports.take },
    signOn: singleSignOn({ database, sessions, clock, seal, mintId }),
    settings: settings.current,
    checkLimits: checks.limits,
    measure: () => measure(database, checks.limits(), clock.now()),
    async renewForGuard(host, { epoch, bootId, watchdog, stamped }) {
      const told = terms();
      const guard = { watchdog, stamped };
      await leases.renew({ host, epoch, bootId, guard, endsWithin: watchdogBound(told) });
      return told;
    },
    begin() {
      listener = listen(onNews, catchUp);
      const sweep = () => {
        void imports.sweep().catch(onError);
        void tellLeftovers().catch(onError);
      };
      beats = [
        setInterval(() => void everySecond().catch(onError), 1_000),
        setInterval(() => void checks.watch().catch(onError), 1_000),
        setInterval(sweep, inSeconds("manager.resync")),
        setInterval(onFlood, seldom),
        setInterval(() => audit.sum(), aMinute),
        setInterval(() => void forgetWhatIsOld().catch(onError), anHour),
      ];
      void imports.sweep().catch(onError);
      void lookAtWaiting().catch(onError);
    },
    async quiet() {
      for (const beat of beats) clearInterval(beat);
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

  /** A host says hello: whether it may come in, what it tells, and what it is to know. */
  async function welcome(
    host: HostId,
    hello: Hello,
    known: Known | undefined,
  ): Promise<Welcome | Purge | Again> {
    checks.arrived(host);
    vitals.arrived(host);
    const endsWithin = watchdogBound(terms());
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
    onHostsChanged([host]);
    log.info({ host, name, epoch, machines: hello.machines.length }, "a host is here");
    const current = settings.current();
    return {
      name,
      zone,
      epoch,
      heartbeat: inSeconds("hosts.heartbeat"),
      ...terms(),
      concurrentStarts: current["agent.concurrent_starts"],
      ...(await wishesForHost(database, host, patience())),
    };
  }

  /** Their guests are due for a look, as was written with the change. */
  function onHostsChanged(hosts: readonly HostId[]): void {
    placer.distrust(hosts);
    worker.wake();
    void lookAtJournal();
  }

  async function forgetWhatIsOld(): Promise<void> {
    await forgetAudit(database, settings.current()["audit.retention"], clock.now());
    await sessions.forget();
  }

  function volumeShares() {
    const now = settings.current();
    return { nearlyFull: now["volumes.nearly_full"], reserve: now["volumes.reserve"] };
  }

  /** These may have waited for that; and these hosts' guests have other disks now. */
  function onVolumesChanged(instances: readonly InstanceId[], hosts: readonly HostId[]): void {
    volumes.changed();
    worker.look(instances);
    if (hosts.length > 0) void tellAgain(hosts).catch(onError);
  }

  /** What is wanted of these hosts is another, and instances are due for a look. */
  function onPlansCarriedOut(hosts: readonly HostId[]): void {
    if (hosts.length > 0) onHostsChanged(hosts);
    else worker.wake();
    void lookAtJournal();
  }

  /** Copies that moves have left behind: a host that could not remove one then may be able to now. */
  async function tellLeftovers(): Promise<void> {
    for (const [host, volumes] of await leftoversOn(database, hub.hosts()))
      hub.tell(
        host,
        [],
        volumes.map((volume) => ({ volume, pool: "local" })),
      );
  }

  /** Undefined: this manager has not heard of it, another one may have. */
  function hasGuard(host: HostId): boolean | undefined {
    const report = guards.get(host);
    return report === undefined || !hub.isConnected(host) ? undefined : report !== null;
  }

  function hopeFor(name: string) {
    return fencing.pursuits().find(({ host }) => host === name)?.steps;
  }

  async function everySecond(): Promise<void> {
    const hasJumped = await clock.sync().catch(async (error: unknown) => {
      await leases.watch().catch(() => {}); // It has to know that the database is away, and says the same of it.
      throw error;
    });
    if (hasJumped) {
      log.warn("the time has jumped");
      await lookAtWaiting();
    }
    await lookAtJournal();
    await volumes.tick();
    planned.changed();
    await leases.watch();
    await fencing.round();
    void invariants.round();
  }

  /** Whatever waits for a moment: after a jump of the time that is no longer the one that was meant. */
  async function lookAtWaiting(): Promise<void> {
    const rows = await database.query<{ id: InstanceId }>(
      "select id from instance where look_at is not null",
    );
    worker.look(rows.map(({ id }) => id));
  }

  function onNews(news: News): void {
    if (news.hosts) placer.distrust(news.hosts as HostId[]); // Only managers write news, and ids are what they write.
    void lookAtJournal();
    if (news.volumes) volumes.changed();
    if (news.events) planned.changed();
    if (news.wishes) void tellAgain(news.wishes as HostId[]).catch(onError);
    if (news.jobs) progress.moved(news.jobs);
    if (news.settings) void settings.reload().catch(onError);
    if (news.images || news.instances) worker.wake();
    for (const host of news.revoked ?? [])
      hub.cutOff(host as HostId, "its certificate was revoked");
  }

  /** What the journal says has happened concerns networks and guests, whoever has done it. */
  function onSubjects(by: Parameters<Parameters<typeof watchJournal>[0]["onSubjects"]>[0]): void {
    const { instance: instances = [], network: subjects = [], host = [] } = by;
    networks.touched({ instances, subjects, hosts: host as HostId[] }); // As managers have written them.
    guests.touched(instances);
    if (subjects.length > 0) guests.changed(); // The names of groups.
  }

  function onFlood(): void {
    networks.changed();
    guests.changed();
  }

  function lookAtJournal(): Promise<void> {
    return journal.look().catch(onError);
  }

  /** Anything may have been missed. */
  function catchUp(): void {
    placer.distrust();
    void lookAtJournal();
    volumes.changed();
    void settings.reload().catch(onError);
    void tellAgain([]).catch(onError);
    progress.moved(undefined);
    worker.wake();
  }

  /** Another manager changed what these hosts should run, and they are connected here. None named: all. */
  async function tellAgain(hosts: readonly HostId[]): Promise<void> {
    const mine = hub.hosts().filter((host) => hosts.length === 0 || hosts.includes(host));
    for (const host of mine) {
      const { wishes, deleteVolumes } = await wishesForHost(database, host, patience());
      hub.tell(host, wishes, deleteVolumes);
    }
  }
}
