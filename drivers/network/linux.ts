/**
 * The networks of a real host: Linux bridges, VXLAN, nftables, network namespaces and dnsmasq.
 *
 * An apply looks first and orders only what is missing, so it is also the repair. Only where all was made as it should be
 * a moment ago, and nothing but ports is different now, it orders that difference and does not look. Filters may come
 * before the taps that they are for or after them: a tap that nobody speaks for yet, or any more, lets nothing through.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { allOver } from "@holdfast/kernel/all-over";
import { milliseconds } from "@holdfast/kernel/time";
import { zonesOf } from "./addresses.ts";
import { announce } from "./announce.ts";
import { type Batch, type Commands, commands } from "./commands.ts";
import { readCounts } from "./counts.ts";
import { directoriesIn, endAll, endDns } from "./dnsmasq.ts";
import type { Abilities, AnswerMetadata, Facts, HostNetworks, Network, Picture } from "./driver.ts";
import { type Filter, filterOf, isInForce } from "./filter.ts";
import { differenceOf } from "./filter-difference.ts";
import type { TrackedIn } from "./filter-rules.ts";
import type { Place } from "./host-links.ts";
import { type HostPlan, hostPlan } from "./host-plan.ts";
import { factsOf } from "./look.ts";
import { notYet, stranger } from "./metadata-answers.ts";
import { metadataService } from "./metadata-service.ts";
import { isOurNamespace, metadataNamespaceOf, metadataPortOf, tapOf } from "./names.ts";
import { newestWins } from "./newest-wins.ts";
import { bridgeFilteringFile, namespacesThere, type Observed, observe } from "./observe.ts";
import { ownership } from "./owner.ts";
import { portChanges } from "./port-changes.ts";
import { probe } from "./probe.ts";
import { notApplied, unsupported } from "./problems.ts";
import { removalsOf, removeLinks } from "./removal.ts";
import { ensureRouter, tellDns } from "./router-host.ts";

export interface LinuxNetworksOptions extends Place {
  /** For dnsmasq's files; must be passable for everybody. Gone after `removeAll`. */
  readonly directory: string;
  /** The namespace that is the host, by its name, if it is not the one that this process is in. */
  readonly home?: string;
}

/** Of a host that has its machine to itself. */
export const usualTag = "host";
const nothing: Picture = { networks: [] };
/** As long as it takes to plug in what there is a port for. */
const beforeRemoval = milliseconds(30);
/** So many taps may be left behind while others come without a pause. */
const mostLeft = 64;

export function linuxNetworks(options: LinuxNetworksOptions): HostNetworks {
  const { tag, directory } = options;
  const kernel: Commands = commands(options.home);
  const owned = ownership(directory, kernel);
  let answer: AnswerMetadata | undefined;
  /** Applied last, whether that went well or not. */
  let picture = nothing;
  let known: { readonly picture: Picture; readonly filter: Filter } | undefined;
  /** All that it says was made, and nobody has seen since that it is otherwise. */
  let standing: Picture | undefined;
  /** Taps that nobody speaks for any more, for the next turn to remove. */
  let left: readonly string[] = [];
  let probed: Promise<Abilities> | undefined;
  const abilities = () => {
    probed ??= doing("find out what its kernel can do", () => probe(kernel, tag));
    probed.catch(() => {
      probed = undefined;
    });
    return probed;
  };
  const carried = newestWins(carryOut);
  const metadata = metadataService(kernel, tag, async (id, { from, ...ask }) => {
    const network = picture.networks.find((each) => each.id === id);
    const port = network?.ports.find(({ address }) => address === from);
    if (!port) return stranger;
    return answer ? answer({ ...ask, network: id, nic: port.nic }) : notYet;
  });

  return {
    abilities,
    apply: (wanted, onPlugged = () => {}) => carried({ picture: wanted, onPlugged }),
    // What is half done would look broken.
    look: () => carried.between(look, isWhole),
    onMetadata(next) {
      answer = next;
    },
    async removeAll() {
      await carried({ picture: nothing, onPlugged() {} });
      await rm(directory, { recursive: true, force: true });
      await owned.end();
    },
    async close() {
      await carried.settled();
      await metadata.close();
      kernel.close();
    },
  };

  async function look(): Promise<Facts> {
    const seen = standing;
    const sight = { tag, directory, ...(await filterFor(picture)) };
    const facts = await factsOf(kernel, picture, sight);
    if (standing === seen && !isWhole(facts)) standing = undefined;
    return facts;
  }

  async function carryOut({ picture: wanted, onPlugged }: Order) {
    const before = kernel.changes();
    const last = standing;
    standing = undefined;
    // What the kernel refuses is not as it was thought to be.
    const isMade = last && (await changePorts(last, wanted, onPlugged).catch(() => false));
    if (!isMade) await make(wanted);
    onPlugged();
    standing = wanted;
    if (!isMade && wanted.networks.length > 0) {
      const furnished = wanted.networks.filter(({ ports }) => ports.length > 0);
      kernel.prepare(furnished.map(({ vni }) => metadataNamespaceOf(tag, vni)));
    }
    return { changes: kernel.changes() - before };
  }

  /** False if there is more to do than that, or less. */
  async function changePorts(
    last: Picture,
    wanted: Picture,
    onPlugged: () => void,
  ): Promise<boolean> {
    const changes = portChanges(last, wanted, tag);
    if (!changes) return false;
    const { filter: old } = await filterFor(last);
    picture = wanted;
    const here = new Set(
      wanted.networks.flatMap(({ ports }) => ports.map(({ nic }) => tapOf(nic))),
    );
    // One that comes back before it was removed is in the way of its successor.
    const inTheWay = removalsOf(left.filter((name) => here.has(name)));
    left = left.filter((name) => !here.has(name));
    // Under way while we find out what is to be said about filters.
    const taps = { ...changes.taps, lines: [...inTheWay, ...changes.taps.lines] };
    const links = kernel.promptly([taps]);
    const filters = async () => {
      const { filter } = await filterFor(wanted);
      const difference = differenceOf(old.tables, filter.tables);
      if (difference === undefined) throw new Error("they need the whole text");
      await kernel.promptly([filtersOf(difference)]);
    };
    await allOver([links, filters()]);
    onPlugged();
    // What others are to know of whoever is here now comes after that.
    await allOver([
      kernel.promptly(changes.neighbours),
      ...changes.served.map((network) => tellDns(kernel, network, { place: options, directory })),
    ]);
    // To take something away takes the kernel longer than to make it, and nobody waits for it. But meanwhile it lets no tap be
    // opened, which is what those do who have just been given theirs, nor made for whoever is next.
    const going = [...left, ...changes.go];
    const isPutOff =
      going.length > 0 && (await carried.lull(beforeRemoval)) && going.length < mostLeft;
    left = isPutOff ? going : [];
    if (!isPutOff)
      await kernel.promptly([{ where: undefined, program: "ip", lines: removalsOf(going) }]);
    return true;
  }

  async function make(wanted: Picture): Promise<void> {
    assertPossible(wanted, await abilities());
    picture = wanted;
    left = [];
    const seen = await doing("look at its networks", () => observe(kernel));
    if (wanted.networks.length > 0) await owned.take(seen);
    else if (!owned.mayTouch(seen)) return;
    const plan = hostPlan(wanted, seen, options);
    const filters = async () => load(await filterFor(wanted), seen);
    if (wanted.networks.length > 0) await doing("load its filters", filters);
    await doing("remove old networks", () => remove(plan));
    await doing("set up its networks", () => wire(plan));
    if (wanted.networks.length === 0) await doing("remove its filters", filters);
    const zones = zonesOf(wanted.networks.map(({ vni }) => vni));
    const failures: unknown[] = [];
    // One network's trouble is not another's, and a router's is not the metadata service's.
    for (const network of wanted.networks) {
      const work = furnish(network, zones.get(network.vni) ?? 0, plan, seen);
      for (const { status, ...result } of await Promise.allSettled(work))
        if (status === "rejected" && "reason" in result) failures.push(result.reason);
    }
    if (failures.length > 0) throw failures[0];
  }

  function furnish(
    network: Network,
    zone: number,
    plan: HostPlan,
    seen: Observed,
  ): readonly Promise<void>[] {
    const { vni, ports } = network;
    const how = { isBare: plan.routers.includes(network), zone, place: options, directory };
    const isBare = plan.metadata.includes(network);
    const alias = isBare ? undefined : seen.links.get(metadataPortOf(vni))?.alias;
    return [
      doing(`set up the router of network ${vni}`, () => ensureRouter(kernel, network, how)),
      ...(ports.length > 0
        ? [doing(`serve metadata in network ${vni}`, () => metadata.ensure(network, alias))]
        : []),
    ];
  }

  async function filterFor(wanted: Picture): Promise<{ filter: Filter; trackedIn: TrackedIn }> {
    const { routedFilter } = await abilities();
    const trackedIn = routedFilter.isThere ? "inet" : "bridge";
    // Thousands of rules take a while, and every look needs to know what should be in force.
    if (known?.picture !== wanted) known = { picture: wanted, filter: filterOf(wanted, trackedIn) };
    return { filter: known.filter, trackedIn };
  }

  async function load(
    { filter, trackedIn }: { filter: Filter; trackedIn: TrackedIn },
    seen: Observed,
  ): Promise<void> {
    const isWanted = picture.networks.length > 0;
    const isClear = seen.chains.size === 0;
    if (isWanted && trackedIn === "inet" && !seen.bridgeFiltering)
      await kernel.setSysctl(undefined, { [bridgeFilteringFile]: "1" });
    if (isWanted ? isInForce(filter, seen.chains) : isClear) return;
    await kernel.nft(undefined, filter.text(isClear ? new Map() : await readCounts(kernel)));
  }

  async function remove(plan: HostPlan): Promise<void> {
    await removeLinks(kernel, plan.removeLinks);
    for (const name of plan.removeNamespaces) {
      await metadata.leave(name);
      await endAll(kernel, name);
      await kernel.run(undefined, ["ip", "netns", "del", name]);
      kernel.count(1);
    }
    // Also of routers whose namespace somebody else has removed: their programs keep it alive.
    const routers = picture.networks.filter(({ router }) => router);
    const right = routers.filter((network) => !plan.routers.includes(network));
    const kept = new Set(right.map(({ vni }) => String(vni)));
    for (const vni of await directoriesIn(directory))
      if (!kept.has(vni)) await endDns(join(directory, vni));
  }

  async function wire(plan: HostPlan): Promise<void> {
    const namespaces = plan.addNamespaces.map((name) => `netns add ${name}`);
    await kernel.batch(undefined, "ip", [...namespaces, ...plan.ip]);
    await kernel.batch(undefined, "bridge", plan.bridge);
    if (plan.announce.length === 0 || !options.uplinkDevice) return;
    const device = (await observe(kernel)).links.get(options.uplinkDevice);
    if (device) await announce(kernel, device, plan.announce);
  }
}

/**
 * Ends the routers of a host that is gone itself, with the namespace that it was in: what a power cut does
 * to a real one. Needs nothing but its tag.
 */
export async function removeRemains(tag: string): Promise<void> {
  const kernel = commands(undefined);
  for (const name of await namespacesThere()) {
    if (!isOurNamespace(tag, name)) continue;
    await endAll(kernel, name);
    await kernel.run(undefined, ["ip", "netns", "del", name]);
  }
}

const filtersOf = (text: string): Batch => ({
  ...{ where: undefined, program: "nft", lines: text ? [text] : [] },
});

interface Order {
  readonly picture: Picture;
  readonly onPlugged: () => void;
}

const isWhole = ({ rules, ports, routers }: Facts) =>
  rules === "in-force" &&
  ports.every(({ is }) => is !== "absent") &&
  routers.every(({ is }) => is === "up");

function assertPossible({ networks }: Picture, abilities: Abilities): void {
  if (networks.length === 0) return;
  const { routedFilter, bridgeFilter } = abilities;
  if (!routedFilter.isThere && !bridgeFilter.isThere)
    throw unsupported("networks, because nothing can track their connections", routedFilter.reason);
  for (const { kind } of networks)
    if (!abilities[kind].isThere)
      throw unsupported(`a network of kind ${kind}`, abilities[kind].reason);
}

async function doing<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw notApplied(what, cause);
  }
}
