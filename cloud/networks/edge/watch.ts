/**
 * What a manager does about networks all the time: routers where they should be, and the pictures of the hosts
 * that are connected here.
 *
 * Of a fleet with a thousand networks nearly all are as they were, so a turn is about those of which somebody has said
 * that something happened. The rest is looked at now and then all the same, as seldom as that is dear. Nothing is lost
 * with a manager: each reads the journal for itself, and a host that connects is told everything.
 */
import type { NetworksLook } from "@holdfast/cloud/hosts";
import type { HostId, NetworkId } from "@holdfast/kernel/ids";
import { type Clock, iso, type Ticks } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { type Turns, turns } from "@holdfast/store/turns";
import { knownBy, type Since, type Told } from "../core/known.ts";
import type { Facts } from "../core/model.ts";
import { type NetworkHosts, type NetworkPicture, picturesOf } from "../core/picture.ts";
import { findTouched, isOfFew, nothing, type Touched, together } from "./dirt.ts";
import { lookUpFacts, type Read, readFacts, readFactsOf, readUnderlays } from "./facts.ts";
import { round } from "./round.ts";
import { ruleNotes } from "./rule-notes.ts";

export interface NetworkWatchDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly ticks: Ticks;
  readonly self: string;
  /** The hosts that are connected here. */
  readonly hosts: () => readonly HostId[];
  /** All networks of a host. */
  readonly tell: (host: HostId, networks: readonly NetworkPicture[]) => void;
  /** Some of them; null: it has nothing to do with that one any more. */
  readonly tellChanges: (
    host: HostId,
    changes: ReadonlyMap<NetworkId, NetworkPicture | NetworkHosts | null>,
  ) => void;
  /** Those that it was told of, and how many connections it has there; undefined before it was told all. */
  readonly told: Told;
  readonly onError: (error: unknown) => void;
}

export interface NetworkWatch extends Turns {
  /** Something has happened to these. */
  touched(what: Partial<Touched>): void;
  /** A host has connected and is welcome: it is told all its networks. */
  arrived(host: HostId): void;
  /** What a host sees of its networks. */
  heard(host: HostId, epoch: number, look: NetworksLook): void;
  /** The last word of each host that is connected here. */
  looks(): ReadonlyMap<HostId, NetworksLook>;
}

/** Hosts that are told everything in one turn: a picture is up to 100 KB. */
const arrivalsAtOnce = 250;
/** Networks that are read together where all are looked at. */
const networksAtOnce = 50;
/** To look at all of them may take this share of a processor; the next such look waits accordingly. */
const shareForAll = 0.1;
/**
 * A turn is followed by a rest of three times its own length. Where a rack dies each of its networks is touched once for
 * every step of every guest, and its picture is one for each of its hosts. A start waits for its picture, so a rest is no
 * longer than this, milliseconds, unless the turn was.
 */
const restAfter = 3;
const longestRest = 2_000;
const restOf = (turn: number) => Math.max(turn, Math.min(turn * restAfter, longestRest));
/**
 * A network of more connections is asked for as rows, on a connection that others do not wait for; the connections for look-ups are two,
 * and refuse what takes long.
 */
const mostLookedUp = 1_000;
/** So many networks are told at once, before anybody looks where their routers should be. */
const few = 8;
/**
 * So much later somebody does, milliseconds, and no sooner than the rest after the last such look ends: a start needs its
 * processors for itself until it runs, and hardly any moves a router.
 */
const settleAfter = 50;
/** Another manager has the turn, and may be about other networks; milliseconds. */
const pause = 250;

export function networkWatch(deps: NetworkWatchDeps): NetworkWatch {
  const { database, clock, ticks, onError } = deps;
  const looks = new Map<HostId, NetworksLook>();
  const rules = ruleNotes(deps);
  const arrivals = new Set<HostId>();
  let isAllWanted = false;
  let isBegun = false;
  let dirt: Touched = nothing;
  /** Networks that were told, and of which nobody has looked yet where their routers should be. */
  let unsettled = new Set<NetworkId>();
  let settleAt = 0;
  let restUntil = 0;
  let quietUntil = 0;
  let welcomeAt = 0;
  let timer: NodeJS.Timeout | undefined;
  let isOpen = true;
  const underlays = new Map<HostId, string>();
  /** Those with more connections than are looked up, as they were read last. */
  const large = new Set<NetworkId>();
  const { changed: again, close } = turns(turn, onError);

  return {
    changed() {
      isAllWanted = true;
      again();
    },
    touched(what) {
      if (isOfFew(together(nothing, what), 0)) return;
      dirt = together(dirt, what);
      again();
    },
    arrived(host) {
      rules.arrived(host);
      arrivals.add(host);
      again();
    },
    heard(host, epoch, look) {
      looks.set(host, look);
      note(database, host, epoch, look, clock).catch(onError);
      rules.heard(host, epoch, look.rules);
    },
    looks: () => looks,
    async close() {
      isOpen = false;
      clearTimeout(timer);
      await close();
      await rules.close();
    },
  };

  async function turn(): Promise<void> {
    const began = ticks();
    const isAll = isAllWanted && began >= restUntil;
    const mine = isAll || began >= quietUntil ? dirt : nothing;
    if (mine === dirt) dirt = nothing;
    if (isAll) isAllWanted = false;
    try {
      if (!isBegun) await begin();
      if (isAll) await lookAtAll(began);
      else if (mine !== nothing) await lookAtSome(mine);
      if (mine !== nothing && quietUntil <= began) quietUntil = ticks() + restOf(ticks() - began);
      await settle();
      await welcome();
    } catch (error) {
      if (isAll) isAllWanted = true;
      dirt = together(dirt, mine);
      later(pause);
      throw error;
    }
    const waits = [
      ...(isAllWanted ? [restUntil] : []),
      ...(arrivals.size > 0 ? [welcomeAt] : []),
      ...(dirt !== nothing ? [quietUntil] : []),
      ...(unsettled.size > 0 ? [settleAt] : []),
    ];
    if (waits.length > 0) later(Math.min(...waits) - ticks());
  }

  function later(milliseconds: number): void {
    if (!isOpen) return;
    clearTimeout(timer);
    timer = setTimeout(again, Math.max(1, milliseconds));
  }

  /** What a manager that is gone had heard of is in no row that this one reads, and it may have ended before a router was placed. */
  async function begin(): Promise<void> {
    const moved = await round({ database, now: clock.now, self: deps.self });
    isBegun = moved !== undefined;
    if (!moved) later(pause);
    else if (moved.length > 0) dirt = together(dirt, { networks: moved });
  }

  async function lookAtSome(mine: Touched): Promise<void> {
    const { networks, instances } = mine;
    if (isOfFew(mine, few)) {
      const read = await readFew(mine);
      if (read.about.length === 0) return;
      const named = new Set(networks);
      const alike = new Set(read.about.filter((id) => !named.has(id)));
      const since = { networks: alike, instances: new Set(instances) };
      const isTold = read.about.length <= few && tell(read, "known", since);
      return isTold ? settleSoon(read.about) : lookAt(read.about, since);
    }
    if (mine.hosts.length > 0) noteUnderlays(await readUnderlays(database, mine.hosts));
    const some = await findTouched(database, mine);
    if (!some) return lookAtAll(ticks());
    if (some.all.length === 0) return;
    const since = { networks: new Set(some.byInstances), instances: new Set(instances) };
    const isTold =
      some.all.length <= few && tell(await readFactsOf(database, some.all), "known", since);
    await lookAt(some.all, since, isTold);
  }

  /** As nearly always: what a start waits for is asked in one go. What that cannot answer in time the long way does. */
  async function readFew(mine: Touched): Promise<Read> {
    const { networks, left, instances } = mine;
    const inOneGo = () => lookUpFacts(database, [...networks, ...left], instances);
    if (large.size === 0)
      try {
        return await inOneGo();
      } catch (error) {
        onError(error);
      }
    const all = (await findTouched(database, mine))?.all ?? [];
    const isLarge = large.size === 0 || all.some((id) => large.has(id));
    return isLarge ? readFactsOf(database, all) : inOneGo();
  }

  /** Routers go where they should be, and whoever was not told is. */
  async function lookAt(some: readonly NetworkId[], since: Since, isTold = false): Promise<void> {
    if (some.length === 0) return;
    const moved = await round({ database, now: clock.now, self: deps.self }, some);
    if (!moved) {
      // It sees to what it has read of in the journal, and this manager sees to its own hosts.
      dirt = together(dirt, { networks: some });
      quietUntil = ticks() + pause;
    }
    const alike = new Set(since.networks);
    for (const id of moved ?? []) alike.delete(id);
    const untold = [...new Set([...(isTold ? [] : some), ...(moved ?? [])])];
    await tellOf(untold, { ...since, networks: alike });
  }

  /** What a look at their routers finds to do can wait until the start that they were told for is over. */
  function settleSoon(some: readonly NetworkId[]): void {
    if (unsettled.size === 0) settleAt = Math.max(settleAt, ticks() + settleAfter);
    for (const id of some) unsettled.add(id);
  }

  async function settle(): Promise<void> {
    if (unsettled.size === 0 || ticks() < settleAt) return;
    const began = ticks();
    const mine = [...unsettled];
    unsettled = new Set();
    try {
      const moved = await round({ database, now: clock.now, self: deps.self }, mine);
      settleAt = ticks() + (moved ? restOf(ticks() - began) : pause);
      if (moved) await tellOf(moved);
      else settleSoon(mine); // Another manager is about others. What it does the journal says.
    } catch (error) {
      settleSoon(mine);
      throw error;
    }
  }

  async function lookAtAll(began: number): Promise<void> {
    await round({ database, now: clock.now, self: deps.self });
    const rows = await database.query<{ id: NetworkId }>(
      "select id from network where deleted_at is null order by id",
      [],
    );
    const known = new Set(rows.map(({ id }) => id));
    for (const host of deps.hosts())
      for (const id of deps.told(host)?.keys() ?? [])
        if (!known.has(id)) deps.tellChanges(host, new Map([[id, null]]));
    for (let from = 0; from < rows.length; from += networksAtOnce)
      await tellOf(rows.slice(from, from + networksAtOnce).map(({ id }) => id));
    restUntil = ticks() + (ticks() - began) / shareForAll;
  }

  async function tellOf(networks: readonly NetworkId[], since?: Since): Promise<void> {
    if (deps.hosts().length > 0 && networks.length > 0)
      tell(await readFactsOf(database, networks), "all", since);
  }

  /**
   * What has become of these networks, to all hosts that have or had something to do with them; or only to those that know
   * them already, of whom one that does not wants the router as well. Returns whether nobody was left out.
   * `since`: all that has happened to some of them, since they were told, has happened to these instances.
   */
  function tell({ about, facts }: Read, to: "all" | "known", since?: Since): boolean {
    let isAll = true;
    noteUnderlays(facts.underlays);
    noteSizes(about, facts);
    const hosts = deps.hosts();
    const isKnown = knownBy(deps.told, facts, since);
    const asked = new Set(about);
    // A start waits for what its own host is told. What its neighbours are told makes nobody wait. In a crowd everybody is somebody's.
    const isForFew = since !== undefined && about.length <= few;
    const first = new Set(isForFew ? homesOf(facts, since.instances) : []);
    const rest = hosts.filter((host) => !first.has(host));
    for (const some of [hosts.filter((host) => first.has(host)), rest]) {
      if (some.length === 0) continue;
      const pictures = picturesOf(facts, new Set(some), isKnown);
      for (const host of some) {
        const told = deps.told(host);
        if (!told) continue;
        const changes = new Map<NetworkId, NetworkPicture | NetworkHosts | null>();
        for (const id of told.keys()) if (asked.has(id)) changes.set(id, null);
        for (const picture of pictures.get(host) ?? [])
          if (to === "all" || told.has(picture.id)) changes.set(picture.id, picture);
          else isAll = false;
        if (changes.size > 0) deps.tellChanges(host, changes);
      }
    }
    return isAll;
  }

  async function welcome(): Promise<void> {
    if (arrivals.size === 0 || ticks() < welcomeAt) return;
    const began = ticks();
    const here = new Set(deps.hosts());
    const batch = [...arrivals].slice(0, arrivalsAtOnce);
    for (const host of batch) arrivals.delete(host);
    const hosts = batch.filter((host) => here.has(host));
    if (hosts.length === 0) return;
    try {
      const facts = await readFacts(database, hosts);
      noteUnderlays(facts.underlays);
      const pictures = picturesOf(facts, new Set(hosts));
      for (const host of hosts) deps.tell(host, pictures.get(host) ?? []);
      welcomeAt = ticks() + 2 * (ticks() - began); // Those who arrive together share most of their networks.
    } catch (error) {
      for (const host of hosts) arrivals.add(host);
      throw error;
    }
  }

  function noteSizes(about: readonly NetworkId[], { nics }: Facts): void {
    const sizes = new Map<NetworkId, number>();
    for (const { network } of nics) sizes.set(network, (sizes.get(network) ?? 0) + 1);
    for (const id of about)
      if ((sizes.get(id) ?? 0) > mostLookedUp) large.add(id);
      else large.delete(id);
  }

  /** A host that is reached elsewhere is another peer to all that share a network with it. */
  function noteUnderlays(now: ReadonlyMap<HostId, string>): void {
    const moved = [...now].flatMap(([host, underlay]) => {
      const known = underlays.get(host);
      underlays.set(host, underlay);
      return known === undefined || known === underlay ? [] : [host];
    });
    if (moved.length === 0) return;
    dirt = together(dirt, { guestsOf: moved });
    again();
  }
}

const homesOf = ({ nics }: Facts, instances: ReadonlySet<string>) =>
  nics.flatMap(({ instance, host }) => (host && instances.has(instance) ? [host] : []));

/** Only of the router that there is now: an older generation, or another epoch, has nothing to say. */
async function note(
  database: Database,
  host: HostId,
  epoch: number,
  { routers }: NetworksLook,
  clock: Clock,
): Promise<void> {
  if (routers.length === 0) return;
  await database.query(
    `update router r set is_up = d.is_up, says = d.says, since = $6
     from unnest($3::uuid[], $4::int[], $5::bool[], $7::text[]) d (network, generation, is_up, says)
     where r.network_id = d.network and r.generation = d.generation and r.host_id = $1 and r.host_epoch = $2
       and (r.is_up is distinct from d.is_up or r.says is distinct from d.says)`,
    [
      host,
      epoch,
      routers.map(({ network }) => network),
      routers.map(({ generation }) => generation),
      routers.map(({ isUp }) => isUp),
      iso(clock.now()),
      routers.map(({ says }) => says),
    ],
  );
}
