/**
 * What a host was told of its networks, so that only what is different is said again: a picture whose own part is
 * another is said whole; where only the hosts of the network are others, which have joined and which have left.
 *
 * The list of hosts is one array for all hosts of a network. Its text, its hash and what is different from the list
 * before are made once: where a rack dies every network has another list in every turn, and said whole to each of its hosts
 * these lists were nearly all that a manager sent.
 */
import type { NetworkHosts, NetworkPicture } from "@holdfast/cloud/networks";
import type { NetworkId } from "@holdfast/kernel/ids";
import { hashOf, type Saying, saying } from "./told.ts";

/** The hosts of a network, as addresses. Shared by all who were told of them. */
interface List extends Saying {
  readonly addresses: readonly string[];
  /** What to say to those who were told another list, by the hash of that. */
  readonly since: Map<string, string>;
}

export interface ToldNetwork {
  /** Of the picture without its list, as a hash. */
  readonly own: string;
  readonly list: List;
  /** How many connections were in it. */
  readonly ports: number;
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
  // Left out of the text: to copy all other parts takes several times as long.
  const text = JSON.stringify({ ...picture, underlays: undefined });
  const list = listOf(picture.underlays);
  return {
    now: { own: hashOf(text), list, ports: picture.ports.length },
    whole: () => `${text.slice(0, -1)},"underlays":${list.text}}`,
  };
}

/** All of them, as texts; undefined if that is what was told. Afterwards it counts as told. */
export function wholeNetworks(
  told: Map<NetworkId, ToldNetwork>,
  networks: readonly NetworkPicture[],
): readonly string[] | undefined {
  const parts = networks.map((network) => ({ id: network.id, ...partsOf(network) }));
  const isSame =
    told.size === parts.length &&
    parts.every(({ id, now }) => {
      const known = told.get(id);
      return known?.own === now.own && known.list.hash === now.list.hash;
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
  readonly gone: readonly NetworkId[];
}

/** Of some (null: it is no more; only its hosts: all else is as it was told): what is not as it was told. Afterwards it counts as told. */
export function newsOfNetworks(
  told: Map<NetworkId, ToldNetwork>,
  changes: ReadonlyMap<NetworkId, NetworkPicture | NetworkHosts | null>,
): NetworkNews {
  const [fresh, peers, gone]: [string[], string[], NetworkId[]] = [[], [], []];
  for (const [id, picture] of changes) {
    if (picture === null) {
      if (told.delete(id)) gone.push(id);
      continue;
    }
    const known = told.get(id);
    const parts = "ports" in picture ? partsOf(picture) : undefined;
    const now = parts?.now ?? (known && { ...known, list: listOf(picture.underlays) });
    if (!now) continue; // Who its hosts are says nothing to one that does not know it.
    if (parts && known?.own !== now.own) fresh.push(parts.whole());
    else if (known && known.list.hash !== now.list.hash)
      peers.push(peersText(id, known.list, now.list));
    else continue;
    told.set(id, now);
  }
  return { fresh, peers, gone };
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
