/**
 * Keeps the networks of one host as the last picture says, and tells what is.
 *
 * It looks now and then and mends what it finds broken, without being asked: a router whose processes were
 * killed, rules that somebody flushed. The picture is kept where a restart finds it, so all of that goes
 * on while no manager is there.
 */
import type { NetworksLook } from "@holdfast/cloud/hosts";
import type {
  GroupPicture,
  NetworkPeers,
  NetworkPicture,
  PortPicture,
  RouterPicture,
} from "@holdfast/cloud/networks";
import type { Facts, HostNetworks, Network, Router, Rule } from "@holdfast/drivers/network";
import type { NetworkId, NicId, SecurityGroupId } from "@holdfast/kernel/ids";
import { Problem, problem } from "@holdfast/kernel/problem";
import { type Duration, seconds } from "@holdfast/kernel/time";

/** Where the last picture is kept. */
export interface PictureShelf {
  load(): Promise<readonly NetworkPicture[] | undefined>;
  save(networks: readonly NetworkPicture[]): Promise<void>;
}

export interface NetworkerDeps {
  readonly networks: HostNetworks;
  readonly shelf: PictureShelf;
  /** Where this host is reached by others, if it is. */
  readonly underlay: string | null;
  /** Name servers that know the rest of the world. */
  readonly forwarders: readonly string[];
  /** Something to tell the managers. They may not be there; it is told again. */
  readonly onLook: (look: NetworksLook) => void;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export interface Networker {
  open(): Promise<void>;
  /** All of them. What is not among them is removed. */
  hear(networks: readonly NetworkPicture[]): void;
  /** All others stay as they were last heard. */
  hearChanges(changes: NetworkChanges): void;
  /**
   * Resolves when these can be plugged into, with what their guests should know of them. Rejects with `network_not_ready`
   * if they cannot be by `within`.
   */
  ready(nics: readonly NicId[], within: Duration): Promise<ReadonlyMap<NicId, { mtu: number }>>;
  /** The network and the port of a connection, as the last picture has them. */
  seatOf(nic: NicId): Seat | undefined;
  close(): void;
}

export interface NetworkChanges {
  /** These are so now. */
  readonly networks: readonly NetworkPicture[];
  /** These are where they were heard of to be, but for the hosts that they have. */
  readonly peers: readonly NetworkPeers[];
  readonly gone: readonly NetworkId[];
}

export interface Seat {
  readonly network: NetworkPicture;
  readonly port: PortPicture;
}

/** A look is a few processes' work, and a router that is gone should be back before a guest gives up. */
const lookEvery = seconds(2);
const retryPause = seconds(1);
/** What has not changed is told again, in case nobody heard it. */
const tellEvery = seconds(10);

export function networker(deps: NetworkerDeps): Networker {
  const { networks: kernel, shelf, log } = deps;
  let wanted: readonly NetworkPicture[] = [];
  let applied: readonly NetworkPicture[] = [];
  let kept: readonly NetworkPicture[] = [];
  /** All of its ports are there, and none of them is about to go. */
  let plugged: readonly NetworkPicture[] = [];
  /** Of each picture that is being applied: what every picture that was heard since has as well. */
  const underWay = new Set<{ lasting: readonly NetworkPicture[] }>();
  let trouble: string | null = null;
  let told = "";
  let toldAgo = 0;
  let isOpen = true;
  let timer: NodeJS.Timeout | undefined;
  /** Whoever waits for ports. */
  const waiting = new Set<() => void>();

  return {
    async open() {
      const last = await shelf.load();
      if (last) kept = last;
      if (last) await apply(last);
      timer = setTimeout(() => void tend(), lookEvery);
    },
    hear,
    hearChanges({ networks, peers, gone }) {
      const changed = new Set([...networks.map(({ id }) => id), ...gone]);
      const peersOf = new Map(peers.map((of) => [of.network, of]));
      const others = wanted.filter(({ id }) => !changed.has(id));
      hear([...others.map((picture) => withPeers(picture, peersOf.get(picture.id))), ...networks]);
    },
    ready,
    seatOf(nic) {
      for (const network of wanted) {
        const port = network.ports.find((each) => each.nic === nic);
        if (port) return { network, port };
      }
      return undefined;
    },
    close() {
      isOpen = false;
      clearTimeout(timer);
    },
  };

  function ready(
    nics: readonly NicId[],
    within: Duration,
  ): Promise<ReadonlyMap<NicId, { mtu: number }>> {
    return new Promise((resolve, reject) => {
      const look = () => {
        // What is plugged may be of a picture before, which says where they are and not what is carried there now.
        const there = networksOf(nics, plugged);
        const now = networksOf(nics, wanted);
        if (there.size < nics.length || now.size < nics.length) return;
        done();
        resolve(new Map([...now].map(([nic, { mtu }]) => [nic, { mtu }])));
      };
      const late = setTimeout(() => {
        done();
        reject(notReady(trouble));
      }, within);
      const done = () => {
        clearTimeout(late);
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });
  }

  function hear(networks: readonly NetworkPicture[]): void {
    const before = new Map(wanted.map((picture) => [picture.id, picture]));
    void apply(networks.map((picture) => withGroupsOf(before.get(picture.id), picture)));
  }

  /** Once the ports are there: a start waits for them, and its disks for the threads that write files. */
  function keep(): void {
    if (kept === wanted) return;
    kept = wanted;
    shelf.save(kept).catch((error) => log("could not keep the picture", { error }));
  }

  async function apply(networks: readonly NetworkPicture[]): Promise<void> {
    wanted = networks;
    plugged = lastingOf(plugged, networks);
    for (const one of underWay) one.lasting = lastingOf(one.lasting, networks);
    const mine = { lasting: networks };
    underWay.add(mine);
    try {
      const picture = { networks: networks.map((each) => networkOf(each, deps)) };
      await kernel.apply(picture, () => {
        plug(mine.lasting);
        keep();
      });
      trouble = null;
      applied = networks;
      plug(mine.lasting);
    } catch (error) {
      trouble = error instanceof Problem ? error.message : "They could not be made.";
      log("could not make the networks", { error });
      if (!isOpen) return;
      clearTimeout(timer);
      timer = setTimeout(() => void tend(), retryPause);
    } finally {
      underWay.delete(mine);
      keep();
    }
  }

  function plug(networks: readonly NetworkPicture[]): void {
    plugged = networks;
    lookAgain();
  }

  function lookAgain(): void {
    for (const look of [...waiting]) look();
  }

  async function tend(): Promise<void> {
    if (wanted.length > 0 || told !== "") {
      if (wanted !== applied) await apply(wanted);
      await look().catch((error) => log("could not look at the networks", { error }));
    }
    if (!isOpen) return;
    clearTimeout(timer);
    timer = setTimeout(() => void tend(), lookEvery);
  }

  async function look(): Promise<void> {
    const facts = await kernel.look();
    tell(facts);
    if (isBroken(facts)) await apply(wanted);
  }

  function tell(facts: Facts): void {
    const look: NetworksLook = {
      problem: trouble,
      rules: facts.rules,
      routers: facts.routers.flatMap(({ network, generation, is, reason }) => {
        const mine = wanted.find(({ id }) => id === network)?.router;
        return mine
          ? [
              {
                network,
                generation: generation ?? mine.generation,
                isUp: is === "up" && generation === mine.generation,
                says: reason ?? null,
              },
            ]
          : [];
      }),
    };
    const text = JSON.stringify(look);
    toldAgo += lookEvery;
    if (text === told && toldAgo < tellEvery) return;
    told = text;
    toldAgo = 0;
    deps.onLook(look);
  }
}

const isBroken = ({ rules, routers, ports }: Facts) =>
  rules !== "in-force" ||
  routers.some(({ is }) => is !== "up") ||
  ports.some(({ is }) => is === "absent");

/** Without the ports that these networks do not have: theirs are removed soon, and come back only as others. */
function lastingOf(
  pictures: readonly NetworkPicture[],
  networks: readonly NetworkPicture[],
): readonly NetworkPicture[] {
  const nics = new Set(networks.flatMap(({ ports }) => ports.map(({ nic }) => nic)));
  return pictures.map((picture) => ({
    ...picture,
    ports: picture.ports.filter(({ nic }) => nics.has(nic)),
  }));
}

/** Those that each of these has a port in. */
function networksOf(
  nics: readonly NicId[],
  networks: readonly NetworkPicture[],
): ReadonlyMap<NicId, NetworkPicture> {
  const found = new Map<NicId, NetworkPicture>();
  for (const network of networks)
    for (const { nic } of network.ports) if (nics.includes(nic)) found.set(nic, network);
  return found;
}

/** The same groups are the same list, of which all that was made before is known. */
function withGroupsOf(before: NetworkPicture | undefined, picture: NetworkPicture): NetworkPicture {
  if (!before || before.groups === picture.groups) return picture;
  const isSame = JSON.stringify(before.groups) === JSON.stringify(picture.groups);
  return isSame ? { ...picture, groups: before.groups } : picture;
}

/** As the managers have the list: in order. */
function withPeers(picture: NetworkPicture, peers: NetworkPeers | undefined): NetworkPicture {
  if (!peers) return picture;
  const left = new Set([...peers.left, ...peers.joined]);
  const stay = picture.underlays.filter((address) => !left.has(address));
  return { ...picture, underlays: [...stay, ...peers.joined].sort() };
}

function networkOf(
  picture: NetworkPicture,
  { forwarders, underlay }: Pick<NetworkerDeps, "forwarders" | "underlay">,
): Network {
  const { id, vni, vlan, mtu, cidr, gateway, domain, underlays, ports, router } = picture;
  const peers = underlays.filter((other) => other !== underlay);
  const { ingressOf, egressOf } = rulesIn(picture.groups);
  return {
    ...{ id, vni, mtu, cidr, gateway, domain, peers },
    ...(vlan === null ? { kind: "vxlan" } : { kind: "vlan", vlan }),
    ports: ports.map(({ nic, mac, address, metadataHops, ingress, egress }) => ({
      ...{ nic, mac, address, isUp: true },
      ...(metadataHops === null ? {} : { metadataHops }),
      ingress: ingressOf(ingress),
      egress: egressOf(egress),
    })),
    ...(router ? { router: routerOf(router, forwarders) } : {}),
  };
}

const everything: readonly Rule[] = [{ protocol: "any", peers: ["0.0.0.0/0"] }];

const rulesKnown = new WeakMap<readonly GroupPicture[], ReturnType<typeof sidesOf>>();

function rulesIn(groups: readonly GroupPicture[]): ReturnType<typeof sidesOf> {
  const known = rulesKnown.get(groups) ?? sidesOf(groups);
  rulesKnown.set(groups, known);
  return known;
}

const sidesOf = (groups: readonly GroupPicture[]) => ({
  ingressOf: rulesOf(groups, "ingress"),
  egressOf: rulesOf(groups, "egress"),
});

/** What all of these groups say together. Ports of the same groups have one and the same list. */
function rulesOf(groups: readonly GroupPicture[], side: "ingress" | "egress") {
  const byId = new Map(groups.map((group) => [group.id, group]));
  const known = new Map<string, readonly Rule[]>();
  const joined = (ids: readonly SecurityGroupId[]) =>
    ids
      .flatMap((id) => byId.get(id)?.[side] ?? [])
      .map(({ protocol, ports, peer }) => ({
        protocol,
        peers: "cidr" in peer ? [peer.cidr] : (byId.get(peer.group)?.members ?? []),
        ...(ports ? { ports } : {}),
      }));
  return (ids: readonly SecurityGroupId[] | null): readonly Rule[] => {
    if (ids === null) return everything;
    const key = ids.join(" ");
    const rules = known.get(key) ?? joined(ids);
    known.set(key, rules);
    return rules;
  };
}

function routerOf(picture: RouterPicture, forwarders: readonly string[]): Router {
  const { generation, mac, guests, sourceAddress, forwards, oneToOne } = picture;
  return {
    ...{ generation, mac, hosts: guests, forwarders, hasUplink: true, statics: oneToOne },
    ...(sourceAddress === null ? {} : { sourceNat: sourceAddress }),
    forwards:
      sourceAddress === null
        ? [] // There is no address to forward from.
        : forwards.map((forward) => ({ ...forward, publicAddress: sourceAddress })),
  };
}

const notReady = (trouble: string | null) =>
  problem(
    "unavailable",
    "network_not_ready",
    trouble
      ? `The networks of this host could not be made: ${trouble}`
      : "The host has not been told of this instance's network in time.",
    { fix: "It is tried again by itself. See what is wrong now: holdfast health" },
  );
