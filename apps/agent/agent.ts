/**
 * An agent, put together: one host's link to the managers and the machines it keeps.
 *
 * It may be killed at any moment. The guests do not notice, and the next one adopts them.
 */
import {
  type Dial,
  dialler,
  diskKeeper,
  type Epoch,
  examiner,
  type Keeper,
  keeper,
  type Link,
  type LoanBook,
  type Membership,
  type NoteShelf,
  networker,
  notebook,
  openLink,
  type Passage,
  type PictureShelf,
  poolSpeeds,
  type Shelf,
  type Storage,
  standbys,
  storekeeper,
  type TemplateShelf,
  type Terms,
  templates,
} from "@holdfast/cloud/agent/edge";
import type { GuardReport, HostFacts, StorageLook } from "@holdfast/cloud/hosts";
import type { Hypervisor } from "@holdfast/drivers/hypervisor";
import type { HostNetworks } from "@holdfast/drivers/network";
import type { VitalSigns } from "@holdfast/drivers/vitals";
import type { Clock, Duration, Ticks } from "@holdfast/kernel/time";
import type { Logger } from "pino";
import { metadataAnswers } from "./metadata.ts";
import { vitalWatch } from "./vital-watch.ts";

export interface AgentOptions {
  readonly membership: Membership;
  readonly managers: readonly string[];
  /** How managers are reached, if not straight over the network. */
  readonly dial?: Dial;
  readonly hypervisor: Hypervisor;
  /**
   * Where templates are, and how many bytes of them; all guests are booted if not given. `standbyMiB` is for processes that
   * have their memory ahead: set aside, it is offered to nobody.
   */
  readonly templates?: {
    readonly shelf: TemplateShelf;
    readonly limit: number;
    readonly standbyMiB: number;
  };
  readonly storage: Storage;
  readonly loans: LoanBook;
  readonly shelf: Shelf;
  readonly networks: HostNetworks;
  readonly pictureShelf: PictureShelf;
  readonly noteShelf: NoteShelf;
  /** For the tokens of the metadata service: 32 unguessable bytes. */
  readonly metadataKey: Uint8Array;
  /** Name servers that know the rest of the world. */
  readonly forwarders: readonly string[];
  /** How the storage of each pool does; see storage-probe.ts. */
  readonly probeStorage: () => Promise<readonly StorageLook[]>;
  /** How the hardware is, and how often to ask; see vital-watch.ts. */
  readonly vitals: { readonly signs: VitalSigns; readonly every: Duration };
  readonly machine: {
    readonly bootId: string;
    readonly cpus: number;
    readonly memoryMiB: number;
    readonly facts: HostFacts;
    readonly pools: readonly string[];
    /** The address that other hosts reach its guests through, if they do. */
    readonly underlay: string | null;
  };
  /** The way on which machines move to other hosts, and come from them. */
  readonly passage: Passage;
  readonly epoch: Epoch;
  readonly onRenewed: (sentAt: number, terms: Terms) => void;
  readonly guard: () => GuardReport | null;
  /** The guard watches over guests that another host could start: without it none is launched. */
  readonly mayLaunchFenceable: () => boolean;
  readonly traceLines: Parameters<typeof openLink>[0]["traceLines"];
  readonly clock: Clock;
  readonly ticks: Ticks;
  readonly log: Logger;
}

export interface Agent {
  readonly keeper: Keeper;
  readonly link: Link;
  close(): Promise<void>;
}

export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { hypervisor, storage, shelf, clock, ticks, log } = options;
  let link: Link | undefined;
  const say = (message: string, about: Record<string, unknown>) => log.info(about, message);
  const networks = networker({
    networks: options.networks,
    shelf: options.pictureShelf,
    underlay: options.machine.underlay,
    forwarders: options.forwarders,
    onLook: (look) => link?.networks(look),
    log: say,
  });
  await networks.open();
  const speeds = poolSpeeds({ storage, clock, log: say });
  const disks = diskKeeper({ hypervisor, storage, loans: options.loans, speeds, log: say });
  const notes = notebook({ shelf: options.noteShelf, log: say });
  await notes.open();
  const roomMiB = options.templates?.standbyMiB ?? 0;
  const ahead = standbys({ hypervisor, roomMiB, clock, log: say });
  const warm = options.templates
    ? templates({ hypervisor, ...options.templates, standbys: ahead, clock, log: say })
    : undefined;
  await warm?.open();
  const kept = keeper({
    hypervisor,
    ...(warm ? { templates: warm } : {}),
    disks,
    storage,
    networks,
    hasLease: (epoch) => (link?.hasLease(epoch) ?? false) && options.mayLaunchFenceable(),
    shelf,
    clock,
    ticks,
    passage: options.passage,
    onMigration: (report) => link?.migration(report),
    onReport: (machines, volumes) => link?.report([...machines], [...volumes]),
    log: say,
  });
  const stored = storekeeper({
    hypervisor,
    storage,
    disks,
    giveBack: kept.giveBack,
    clock,
    onResults: (results) => link?.storage(results),
    log: say,
  });
  options.networks.onMetadata(
    metadataAnswers({
      keeper: kept,
      networks,
      notes,
      zone: () => link?.identity()?.zone ?? "unknown",
      key: options.metadataKey,
      clock,
    }),
  );
  await kept.open();
  const vitals = vitalWatch({
    ...options.vitals,
    clock,
    log: (message, about) => log.warn(about, message),
  });
  const examined = examiner({
    hypervisor,
    probeStorage: options.probeStorage,
    concerns: vitals.concerns,
    clock,
    ticks,
    onCheckup: (checkup) => link?.checkup(checkup),
    log: say,
  });
  const opened = openLink({
    dial: options.dial ?? dialler(options.managers, options.membership),
    keeper: kept,
    networks,
    storekeeper: stored,
    notes,
    hypervisor,
    machine: {
      ...options.machine,
      memoryMiB: Math.max(0, options.machine.memoryMiB - roomMiB),
      storage: storage.pools,
    },
    ticks,
    onRenewed: options.onRenewed,
    onPace: (every) => examined.pace(every),
    guard: options.guard,
    epoch: options.epoch,
    traceLines: options.traceLines,
    log: say,
  });
  link = opened;
  return {
    keeper: kept,
    link: opened,
    async close() {
      opened.close();
      examined.close();
      vitals.close();
      kept.close();
      warm?.close();
      ahead.close();
      stored.close();
      await networks.close();
      await options.passage.close();
      await options.networks.close();
      await hypervisor.close();
      const books = [shelf, options.loans, options.pictureShelf, options.noteShelf];
      await Promise.all(books.map((book) => book.close()));
    },
  };
}
