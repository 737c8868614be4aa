/**
 * Where the router of each network should be.
 *
 * A network has one while a guest of it may be running. It stays where it is until its host is proven
 * dead or is to be emptied: two at once would answer for the same address. Silence moves nothing.
 */
import type { HostState } from "@holdfast/cloud/hosts";
import type { HostId, NetworkId } from "@holdfast/kernel/ids";

export interface RouterHost {
  readonly id: HostId;
  readonly name: string;
  readonly epoch: number;
  readonly state: HostState;
  readonly mode: "enabled" | "draining" | "maintenance";
  /** Whether other hosts can reach it. One that cannot be reached serves its own guests only. */
  readonly hasUnderlay: boolean;
}

export interface RoutedNetwork {
  readonly id: NetworkId;
  /** Guests of it that may be running, by host. */
  readonly guests: ReadonlyMap<HostId, number>;
  readonly router:
    | { readonly host: HostId; readonly epoch: number; readonly generation: number }
    | undefined;
}

export type RouterMove =
  | {
      readonly network: NetworkId;
      readonly do: "place";
      readonly host: HostId;
      readonly epoch: number;
      readonly generation: number;
      readonly why: "wanted" | "host-dead" | "host-emptied" | "host-new-epoch";
    }
  | { readonly network: NetworkId; readonly do: "remove" };

export function moveRouters(
  networks: readonly RoutedNetwork[],
  hosts: ReadonlyMap<HostId, RouterHost>,
  /** How many routers each host has, of all networks; counted here if these are all. */
  load: Map<HostId, number> = loadOf(networks),
): readonly RouterMove[] {
  const idlest = byLoad(hosts, load);
  return networks.flatMap((network): RouterMove[] => {
    const { id, guests, router } = network;
    if (guests.size === 0) return router ? [{ network: id, do: "remove" }] : [];
    const why = reasonToMove(network, hosts);
    if (!why) return [];
    const best = choose(network, hosts, load, idlest);
    if (!best || (best.id === router?.host && best.epoch === router.epoch)) return [];
    load.set(best.id, (load.get(best.id) ?? 0) + 1);
    const generation = (router?.generation ?? 0) + 1;
    return [{ network: id, do: "place", host: best.id, epoch: best.epoch, generation, why }];
  });
}

/** Those that need a router, and cannot have it on one of their own hosts that takes new guests. */
export function strandedNetworks(
  networks: readonly RoutedNetwork[],
  hosts: ReadonlyMap<HostId, RouterHost>,
): readonly RoutedNetwork[] {
  return networks.filter(
    (network) =>
      network.guests.size > 0 &&
      reasonToMove(network, hosts) &&
      !ownHosts(network, hosts).some(({ mode }) => mode === "enabled"),
  );
}

function loadOf(networks: readonly RoutedNetwork[]): Map<HostId, number> {
  const load = new Map<HostId, number>();
  for (const { router } of networks)
    if (router) load.set(router.host, (load.get(router.host) ?? 0) + 1);
  return load;
}

function reasonToMove({ router }: RoutedNetwork, hosts: ReadonlyMap<HostId, RouterHost>) {
  if (!router) return "wanted";
  const host = hosts.get(router.host);
  if (!host || host.state === "down") return "host-dead";
  // A certificate is for an epoch: a host that is back under a new one has begun anew.
  if (host.epoch !== router.epoch) return "host-new-epoch";
  return host.mode === "maintenance" && host.state === "up" ? "host-emptied" : undefined;
}

/**
 * With the most guests of the network, for theirs is the shortest way; then with the fewest routers. Hosts without
 * any are looked at in the order of their load and no further than the first: a network is often stranded together with
 * thousands of others.
 */
function choose(
  network: RoutedNetwork,
  hosts: ReadonlyMap<HostId, RouterHost>,
  load: ReadonlyMap<HostId, number>,
  idlest: (mode: "enabled" | "draining") => RouterHost | undefined,
): RouterHost | undefined {
  const own = ownHosts(network, hosts).sort(
    (a, b) =>
      (network.guests.get(b.id) ?? 0) - (network.guests.get(a.id) ?? 0) ||
      (load.get(a.id) ?? 0) - (load.get(b.id) ?? 0) ||
      (a.name < b.name ? -1 : 1),
  );
  const which = (wanted: "enabled" | "draining") =>
    own.find(({ mode }) => mode === wanted) ?? idlest(wanted);
  return which("enabled") ?? which("draining");
}

/** Those of its guests that can have its router. */
function ownHosts({ guests }: RoutedNetwork, hosts: ReadonlyMap<HostId, RouterHost>): RouterHost[] {
  return [...guests.keys()].flatMap((id) => {
    const host = hosts.get(id);
    return host && isAble(host) && (host.hasUnderlay || guests.size === 1) ? [host] : [];
  });
}

const isAble = ({ state, mode }: RouterHost) => state === "up" && mode !== "maintenance";

/** Which host of a mode has the fewest routers, of those that others reach; asked again after `load` has grown. */
function byLoad(
  hosts: ReadonlyMap<HostId, RouterHost>,
  load: ReadonlyMap<HostId, number>,
): (mode: "enabled" | "draining") => RouterHost | undefined {
  const queues = new Map<string, () => RouterHost | undefined>();
  return (mode) => {
    const next = queues.get(mode) ?? queueOf(mode);
    queues.set(mode, next);
    return next();
  };

  function queueOf(wanted: string): () => RouterHost | undefined {
    const levels: RouterHost[][] = [];
    const put = (host: RouterHost) => {
      const level = load.get(host.id) ?? 0;
      const known = levels[level];
      if (known) known.push(host);
      else levels[level] = [host];
    };
    [...hosts.values()]
      .filter((host) => isAble(host) && host.hasUnderlay && host.mode === wanted)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .forEach(put);
    let [level, place] = [0, 0];
    return () => {
      for (; level < levels.length; level++, place = 0)
        for (const queue = levels[level] ?? []; place < queue.length; place++) {
          const host = queue[place];
          if (host && (load.get(host.id) ?? 0) === level) return host;
          if (host) put(host); // It has been given some since.
        }
      return undefined;
    };
  }
}
