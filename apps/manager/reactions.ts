/**
 * What a manager does when something has changed, here or at another manager: who has to look again, and who is told.
 *
 * All of it hints at what the database says. Whoever looks reads it there, and would look by itself a little later: what is
 * told twice does no harm, and what is not told costs time.
 */
import type { Hub } from "@holdfast/cloud/hosts/edge";
import type { ManifestCache } from "@holdfast/cloud/images/edge";
import type { InstanceEvent } from "@holdfast/cloud/instances";
import { type Done, type Worker, wishesForHost } from "@holdfast/cloud/instances/edge";
import type { MetadataWatch } from "@holdfast/cloud/metadata/edge";
import type { NetworkWatch } from "@holdfast/cloud/networks/edge";
import type { PicturePlacer } from "@holdfast/cloud/placement/edge";
import type { LiveSettings } from "@holdfast/cloud/settings/edge";
import type { VolumeWatch } from "@holdfast/cloud/volumes/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Database } from "@holdfast/store/database";
import type { News } from "@holdfast/store/news";
import type { JournalWatch, Subjects } from "@holdfast/store/tail";
import type { Turns } from "@holdfast/store/turns";
import type { JobProgress } from "./progress.ts";
import type { Terms } from "./terms.ts";

/** The parts that look again, and what they are told through. */
export interface Lookers {
  readonly database: Database;
  readonly settings: LiveSettings;
  readonly terms: Terms;
  readonly hub: Hub;
  readonly journal: JournalWatch;
  readonly worker: Worker;
  readonly placer: PicturePlacer;
  readonly manifests: ManifestCache;
  readonly networks: NetworkWatch;
  readonly guests: MetadataWatch;
  readonly volumes: VolumeWatch;
  readonly planned: Turns;
  readonly progress: JobProgress;
  readonly onError: (error: unknown) => void;
}

export interface Reactions {
  /** A pass is committed. */
  passed(done: Done): void;
  /** Their guests are due for a look, as was written with the change. */
  hostsChanged(hosts: readonly HostId[]): void;
  /** These may have waited for that; and these hosts' guests have other disks now. */
  volumesChanged(instances: readonly InstanceId[], hosts: readonly HostId[]): void;
  /** What is wanted of these hosts is another, and instances are due for a look. */
  plansCarriedOut(hosts: readonly HostId[]): void;
  /** What the journal says has happened concerns networks and guests, whoever has done it. */
  journalSays(by: Subjects["by"]): void;
  /** More has happened than the journal tells one by one, or it is time to look at all of them. */
  lookAtAll(): void;
  /** Another manager announces what it has changed. */
  hear(news: News): void;
  /** Nothing was heard of the others for a while: they may have changed anything. */
  catchUp(): void;
  lookAtJournal(): Promise<void>;
  /**
   * The same once a second, and sees to those of large passes whom the journal has not named by then. Hosts are read that were
   * given something back: whoever creates the next instance would have to wait for that.
   */
  keepUp(): Promise<void>;
}

/**
 * Of an instance that has come up, or that nobody hears, its networks and its guest are told what they were told before: it
 * is where it was.
 */
export const seenOnly = ["bootConfirmed", "leaseExpired"] satisfies readonly InstanceEvent[];

/** Of so many the journal tells at once, and only it: told twice, each would be read and drawn twice. */
const crowd = 200;
/** But it tells nothing that is younger than a transaction under way. After so many rounds they wait for that no longer. */
const patience = 2;

/** Who of a pass was not named by the journal yet. */
interface Awaited {
  readonly instances: Set<string>;
  readonly stirs: Done["stirs"];
  rounds: number;
}

/** `lookers` is asked when something has changed: the parts are made one after the other, and are given this before the last is. */
export function reactions(lookers: () => Lookers): Reactions {
  let awaited: Awaited[] = [];
  return {
    passed({ orders, seen, jobs, stirs }) {
      const { hub, networks, guests, volumes, progress, onError } = lookers();
      const instances = [...orders.values()].flatMap(({ wishes }) =>
        wishes.map(({ instance }) => instance),
      );
      const isCrowd = instances.length >= crowd;
      if (isCrowd && (stirs.networks || stirs.guests)) {
        awaited.push({ instances: new Set(instances), stirs, rounds: 0 });
        void lookAtJournal();
      }
      if (stirs.networks && !isCrowd) networks.touched({ instances });
      if (stirs.left.length > 0) networks.touched({ left: stirs.left });
      if (stirs.volumes) void volumes.tick().catch(onError);
      if (stirs.guests && !isCrowd)
        for (const [host, { wishes }] of orders)
          guests.touched(
            wishes.map(({ instance }) => instance),
            host,
          );
      // In this order: a pass that has more to wish of one that was seen says so in the version after that.
      const behind = [...seen].flatMap(([host, some]) => (hub.tellSeen(host, some) ? [] : [host]));
      for (const [host, { wishes, deleteVolumes }] of orders) hub.tell(host, wishes, deleteVolumes);
      if (behind.length > 0) tellAgain(behind);
      progress.moved(jobs);
    },
    hostsChanged,
    volumesChanged(instances, hosts) {
      const { volumes, worker } = lookers();
      volumes.changed();
      worker.look(instances);
      if (hosts.length > 0) tellAgain(hosts);
    },
    plansCarriedOut(hosts) {
      if (hosts.length > 0) hostsChanged(hosts);
      else lookers().worker.wake();
      void lookAtJournal();
    },
    journalSays(by) {
      const { networks, guests } = lookers();
      const { instance: instances = [], network: subjects = [], host = [] } = by;
      for (const one of awaited) for (const id of instances) one.instances.delete(id);
      awaited = awaited.filter((one) => one.instances.size > 0);
      networks.touched({ instances, subjects, hosts: host as HostId[] }); // As managers have written them.
      guests.touched(instances);
      if (subjects.length > 0) guests.changed(); // The names of groups.
    },
    lookAtAll() {
      const { networks, guests } = lookers();
      awaited = [];
      networks.changed();
      guests.changed();
    },
    hear(news) {
      const { placer, volumes, planned, progress, worker, hub, manifests } = lookers();
      if (news.hosts) placer.distrust(news.hosts as HostId[]); // Only managers write news, and ids are what they write.
      void lookAtJournal();
      if (news.volumes) volumes.changed();
      if (news.events) planned.changed();
      if (news.wishes) tellAgain(news.wishes as HostId[]);
      if (news.jobs) progress.moved(news.jobs);
      if (news.settings) reloadSettings();
      if (news.images) manifests.forget();
      if (news.images || news.instances) worker.wake();
      for (const host of news.revoked ?? [])
        hub.cutOff(host as HostId, "its certificate was revoked");
    },
    catchUp() {
      const { placer, volumes, progress, worker, manifests } = lookers();
      placer.distrust();
      manifests.forget();
      void lookAtJournal();
      volumes.changed();
      reloadSettings();
      tellAgain([]);
      progress.moved(undefined);
      worker.wake();
    },
    lookAtJournal,
    async keepUp() {
      await lookAtJournal();
      for (const one of awaited) one.rounds++;
      const late = awaited.filter(({ rounds }) => rounds >= patience);
      awaited = awaited.filter(({ rounds }) => rounds < patience);
      const { networks, guests, placer, database } = lookers();
      for (const { instances, stirs } of late) {
        if (stirs.networks) networks.touched({ instances: [...instances] });
        if (stirs.guests) guests.touched([...instances]);
      }
      await placer.refresh(database);
    },
  };

  function hostsChanged(hosts: readonly HostId[]): void {
    const { placer, worker } = lookers();
    placer.distrust(hosts);
    worker.wake();
    void lookAtJournal();
  }

  function lookAtJournal(): Promise<void> {
    const { journal, onError } = lookers();
    return journal.look().catch(onError);
  }

  function reloadSettings(): void {
    const { settings, onError } = lookers();
    void settings.reload().catch(onError);
  }

  /** What these hosts should run is another, and they are connected here. None named: all. */
  function tellAgain(hosts: readonly HostId[]): void {
    const { hub, onError } = lookers();
    const mine = hub.hosts().filter((host) => hosts.length === 0 || hosts.includes(host));
    void tellWishes(mine).catch(onError);
  }

  async function tellWishes(hosts: readonly HostId[]): Promise<void> {
    const { database, hub, terms } = lookers();
    for (const host of hosts) {
      const { wishes, deleteVolumes } = await wishesForHost(database, host, terms.patience());
      hub.tell(host, wishes, deleteVolumes);
    }
  }
}
