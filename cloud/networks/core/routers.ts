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
  return networks.flatMap((network): RouterMove[] => {
    const { id, guests, router } = network;
    if (guests.size === 0) return router ? [{ network: id, do: "remove" }] : [];
    const why = reasonToMove(network, hosts);
    if (!why) return [];
    const best = choose(network, hosts, load);
    if (!best || (best.id === router?.host && best.epoch === router.epoch)) return [];
    load.set(best.id, (load.get(best.id) ?? 0) + 1);
    const generation = (router?.generation ?? 0) + 1;
    return [{ network: id, do: "place", host: best.id, epoch: best.epoch, generation, why }];
  });
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

/** With the most guests of the network, for theirs is the shortest way; then with the fewest routers. */
function choose(
  { guests }: RoutedNetwork,
  hosts: ReadonlyMap<HostId, RouterHost>,
  load: ReadonlyMap<HostId, number>,
): RouterHost | undefined {
  const spread = guests.size > 1;
  const able = [...hosts.values()].filter(
    ({ id, state, mode, hasUnderlay }) =>
      state === "up" && mode !== "maintenance" && (hasUnderlay || (!spread && guests.has(id))),
  );
  const rank = ({ id, mode }: RouterHost) =>
    [mode === "enabled" ? 0 : 1, -(guests.get(id) ?? 0), load.get(id) ?? 0] as const;
  return able.sort((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    return x[0] - y[0] || x[1] - y[1] || x[2] - y[2] || (a.name < b.name ? -1 : 1);
  })[0];
}
