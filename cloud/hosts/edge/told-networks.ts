/**
 * What a host was told of its networks, so that only what is different is said again: a picture whose own part is
 * another is said whole; where only the hosts of the network are others, which have joined and which have left; and of ports,
 * and guests of its router, those that came, are others, or went. So a start beside fifty guests with thousands of rules is one port.
 *
 * The list of hosts is one array for all hosts of a network that are told together. Its text, its hash and what is different
 * from the list before are made once for all of them: where a rack dies every network has another list in every turn, and said whole to each of its hosts
 * these lists were nearly all that a manager sent.
 */
import type { NetworkHosts, NetworkParts, NetworkPicture } from "@holdfast/cloud/networks";
import type { NetworkId, NicId } from "@holdfast/kernel/ids";
import { hashOf, numberOf, type Saying, saying } from "./told.ts";

/** The hosts of a network, as addresses. Shared by all who were told of them. */
interface List extends Saying {
  readonly addresses: readonly string[];
  /** What to say to those who were told another list, by the hash of that. */
  readonly since: Map<string, string>;
}

export interface ToldNetwork {
  /** Of the picture without its list, its ports and its router's guests, as a hash. */
  readonly own: string;
  readonly list: List;
  /** How many connections were in it. */
  readonly ports: number;
  /** Of each port, by its connection, and of each guest, by its address: what tells it from another text. */
  readonly nics: ReadonlyMap<NicId, number>;
  readonly guests: ReadonlyMap<string, number>;
}

const lists = new WeakMap<readonly string[], List>();

function listOf(addresses: readonly string[]): List {
  const known = lists.get(addresses);
  if (known) return known;
  const list = { ...saying(addresses), addresses, since: new Map() };
  lists.set(addresses, list);
  return list;
}

function partsOf(picture: NetworkPicture) {
  const { ports, router } = picture;
  const guests = router?.guests ?? [];
  const list = listOf(picture.underlays);
  // Left out of the text: to copy all other parts takes several times as long.
  const besides = { underlays: undefined, ports: undefined };
  const own = { ...picture, ...besides, router: router && { ...router, guests: undefined } };
  const now: ToldNetwork = {
    own: hashOf(JSON.stringify(own)),
    list,
    ports: ports.length,
    nics: new Map(ports.map((port) => [port.nic, numberOf(JSON.stringify(port))])),
    guests: new Map(guests.map(({ mac, address, name }) => [address, numberOf(`${mac} ${name}`)])),
  };
  return {
    now,
    whole() {
      const text = JSON.stringify({ ...picture, underlays: undefined });
      return `${text.slice(0, -1)},"underlays":${list.text}}`;
    },
    /** Undefined if nothing is different about ports and guests. */
    since(known: ToldNetwork): string | undefined {
      const nics = difference(known.nics, now.nics);
      const served = difference(known.guests, now.guests);
      const { size } = nics.came;
      if (size + nics.went.length + served.came.size + served.went.length === 0) return undefined;
      return JSON.stringify({
        network: picture.id,
        ports: size > 0 ? ports.filter(({ nic }) => nics.came.has(nic)) : [],
        unplugged: nics.went,
        guests:
          served.came.size > 0 ? guests.filter(({ address }) => served.came.has(address)) : [],
        departed: served.went,
      } satisfies NetworkParts);
    },
  };
}

/** What is new or another, and what is no more. */
function difference<Key>(before: ReadonlyMap<Key, number>, now: ReadonlyMap<Key, number>) {
  const came = new Set<Key>();
  for (const [key, number] of now) if (before.get(key) !== number) came.add(key);
  const went: Key[] = [];
  // Nearly always none has gone, which their number says.
  let stayed = 0;
  for (const key of came) if (before.has(key)) stayed++;
  if (now.size - came.size + stayed < before.size)
    for (const key of before.keys()) if (!now.has(key)) went.push(key);
  return { came, went };
}

/** All of them, as texts; undefined if that is what was told. Afterwards it counts as told. */
export function wholeNetworks(
  told: Map<NetworkId, ToldNetwork>,
  networks: readonly NetworkPicture[],
): readonly string[] | undefined {
  const parts = networks.map((network) => ({ id: network.id, ...partsOf(network) }));
  const isSame =
    told.size === parts.length &&
    parts.every(({ id, now, since }) => {
      const known = told.get(id);
      return (
        known?.own === now.own && known.list.hash === now.list.hash && since(known) === undefined
      );
    });
  if (isSame) return undefined;
  told.clear();
  for (const { id, now } of parts) told.set(id, now);
  return parts.map(({ whole }) => whole());
}

export interface NetworkNews {
  /** Pictures as texts. */
  readonly fresh: readonly string[];
  /** Who has joined and left, as texts. */
  readonly peers: readonly string[];
  /** Which ports and guests are others, as texts. */
  readonly parts: readonly string[];
  readonly gone: readonly NetworkId[];
}

/** Of some (null: it is no more; only its hosts: all else is as it was told): what is not as it was told. Afterwards it counts as told. */
export function newsOfNetworks(
  told: Map<NetworkId, ToldNetwork>,
  changes: ReadonlyMap<NetworkId, NetworkPicture | NetworkHosts | null>,
): NetworkNews {
  const [fresh, peers, gone]: [string[], string[], NetworkId[]] = [[], [], []];
  const parts: string[] = [];
  for (const [id, picture] of changes) {
    if (picture === null) {
      if (told.delete(id)) gone.push(id);
      continue;
    }
    const known = told.get(id);
    const drawn = "ports" in picture ? partsOf(picture) : undefined;
    const now = drawn?.now ?? (known && { ...known, list: listOf(picture.underlays) });
    if (!now) continue; // Who its hosts are says nothing to one that does not know it.
    told.set(id, now);
    if (drawn && known?.own !== now.own) fresh.push(drawn.whole());
    else if (known) {
      if (known.list.hash !== now.list.hash) peers.push(peersText(id, known.list, now.list));
      const different = drawn?.since(known);
      if (different !== undefined) parts.push(different);
    }
  }
  return { fresh, peers, parts, gone };
}

function peersText(network: NetworkId, before: List, now: List): string {
  const known = now.since.get(before.hash);
  if (known) return known;
  const [was, is] = [new Set(before.addresses), new Set(now.addresses)];
  const text = JSON.stringify({
    network,
    joined: now.addresses.filter((address) => !was.has(address)),
    left: before.addresses.filter((address) => !is.has(address)),
  });
  now.since.set(before.hash, text);
  return text;
}
