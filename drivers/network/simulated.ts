/**
 * A host's networks made of a Map, for tests of the platform. The kernel is passed in and outlives the
 * driver, as a real one outlives its agent.
 *
 * It forwards no packets: what rules let through is for the real thing. What it has is what an agent
 * sees: pictures become facts, routers die, somebody turns a setting, guests ask for their metadata.
 */
import type { NetworkId, NicId } from "@holdfast/kernel/ids";
import type {
  Abilities,
  AnswerMetadata,
  HostNetworks,
  MetadataAnswer,
  MetadataAsk,
  Network,
  Picture,
  PortFacts,
  RouterFacts,
} from "./driver.ts";
import { failed, notYet, stranger } from "./metadata-answers.ts";
import { newestWins } from "./newest-wins.ts";
import { notApplied, unsupported } from "./problems.ts";

export interface SimulatedKernel {
  /** What is there, by network. */
  readonly networks: Map<NetworkId, KernelNetwork>;
  /** Taps that a hypervisor holds. */
  readonly plugged: Set<NicId>;
  readonly dropped: Map<NicId, PortFacts["dropped"]>;
  isFilterLoaded: boolean;
  isBridgeFiltering: boolean;
  abilities: Abilities;
  /** Every apply fails with these words while it is set. */
  trouble: string | undefined;
  /** Who answers guests: of the driver that is open. */
  answer: AnswerMetadata | undefined;
}

export interface KernelNetwork {
  readonly network: Network;
  readonly router?: { readonly generation: number; readonly hasDns: boolean };
}

const there = { isThere: true, reason: "Nothing is real here." };

export const simulatedKernel = (): SimulatedKernel => ({
  networks: new Map(),
  plugged: new Set(),
  dropped: new Map(),
  isFilterLoaded: false,
  isBridgeFiltering: true,
  abilities: {
    vxlan: there,
    vlan: { isThere: false, reason: "Nobody has simulated it." },
    routedFilter: there,
    bridgeFilter: { isThere: false, reason: "Nobody has simulated it." },
  },
  trouble: undefined,
  answer: undefined,
});

export function simulatedNetworks(kernel: SimulatedKernel): HostNetworks {
  let picture: Picture = { networks: [] };
  const apply = newestWins(carryOut);

  return {
    abilities: async () => kernel.abilities,
    async apply(picture, onPlugged) {
      const applied = await apply(picture);
      onPlugged?.();
      return applied;
    },
    async look() {
      await apply.settled();
      if (picture.networks.length === 0) return { rules: "in-force", ports: [], routers: [] };
      return {
        rules: !kernel.isFilterLoaded
          ? "missing"
          : kernel.isBridgeFiltering
            ? "in-force"
            : "bypassed",
        ports: picture.networks.flatMap((network) => portFacts(kernel, network)),
        routers: picture.networks.flatMap((network) => routerFacts(kernel, network)),
      };
    },
    onMetadata(answer) {
      kernel.answer = answer;
    },
    async removeAll() {
      await apply({ networks: [] });
    },
    async close() {
      await apply.settled();
      kernel.answer = undefined;
    },
  };

  async function carryOut(wanted: Picture) {
    await Promise.resolve(); // As with a real one, nothing has happened when the call returns.
    for (const { kind } of wanted.networks) {
      const ability = kernel.abilities[kind];
      if (!ability.isThere) throw unsupported(`a network of kind ${kind}`, ability.reason);
    }
    picture = wanted;
    if (kernel.trouble) throw notApplied("set up its networks", new Error(kernel.trouble));
    let changes = 0;
    const change = (act: () => void) => {
      changes += 1;
      act();
    };
    const ids = new Set(wanted.networks.map(({ id }) => id));
    const isWanted = wanted.networks.length > 0;
    if (kernel.isFilterLoaded !== isWanted) change(() => (kernel.isFilterLoaded = isWanted));
    if (isWanted && !kernel.isBridgeFiltering) change(() => (kernel.isBridgeFiltering = true));
    for (const id of kernel.networks.keys())
      if (!ids.has(id)) change(() => kernel.networks.delete(id));
    for (const network of wanted.networks) {
      const { router } = network;
      const next: KernelNetwork = {
        network,
        ...(router ? { router: { generation: router.generation, hasDns: true } } : {}),
      };
      if (JSON.stringify(kernel.networks.get(network.id)) !== JSON.stringify(next))
        change(() => kernel.networks.set(network.id, next));
    }
    return { changes };
  }
}

function portFacts(kernel: SimulatedKernel, { id, ports }: Network): readonly PortFacts[] {
  const real = kernel.networks.get(id)?.network.ports ?? [];
  const none = { spoofed: 0, ingress: 0, egress: 0 };
  return ports.map(({ nic }) => ({
    network: id,
    nic,
    is: !real.some((port) => port.nic === nic)
      ? "absent"
      : kernel.plugged.has(nic)
        ? "plugged"
        : "unplugged",
    dropped: kernel.dropped.get(nic) ?? none,
  }));
}

function routerFacts(kernel: SimulatedKernel, { id, router }: Network): readonly RouterFacts[] {
  if (!router) return [];
  const real = kernel.networks.get(id)?.router;
  if (!real) return [{ network: id, is: "absent" }];
  const { generation, hasDns } = real;
  if (!hasDns)
    return [{ network: id, generation, is: "impaired", reason: "its dnsmasq does not run" }];
  return [{ network: id, generation, is: "up" }];
}

/** Everything of a router is gone, as after `ip netns del`. */
export function loseRouter(kernel: SimulatedKernel, id: NetworkId): void {
  const found = kernel.networks.get(id);
  if (found) kernel.networks.set(id, { network: found.network });
}

/** Its dnsmasq is dead. */
export function loseDns(kernel: SimulatedKernel, id: NetworkId): void {
  const found = kernel.networks.get(id);
  if (!found?.router) return;
  kernel.networks.set(id, { ...found, router: { ...found.router, hasDns: false } });
}

/** A guest asks 169.254.169.254. */
export async function askMetadata(
  kernel: SimulatedKernel,
  nic: NicId,
  ask: Pick<MetadataAsk, "method" | "path" | "headers">,
): Promise<MetadataAnswer> {
  for (const { network } of kernel.networks.values())
    if (network.ports.some((port) => port.nic === nic))
      return (
        (await kernel.answer?.({ ...ask, nic, network: network.id }).catch(() => failed)) ?? notYet
      );
  return stranger;
}

/** How many hops answers about metadata reach from a card; undefined: all, or nobody knows the card. */
export const metadataHopsOf = (kernel: SimulatedKernel, nic: NicId): number | undefined =>
  [...kernel.networks.values()]
    .flatMap(({ network }) => network.ports)
    .find((port) => port.nic === nic)?.metadataHops;
