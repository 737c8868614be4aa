/** From the kernel to facts about the picture that was applied last. Looks, and changes nothing. */

import { zonesOf } from "./addresses.ts";
import type { Commands } from "./commands.ts";
import { readCounts } from "./counts.ts";
import { isDnsRight } from "./dnsmasq.ts";
import type { Facts, Network, Picture, PortFacts, RouterFacts } from "./driver.ts";
import { type Filter, isInForce } from "./filter.ts";
import type { TrackedIn } from "./filter-rules.ts";
import { bridgeOf, routerNamespaceOf, routerPortOf, tapOf, uplinkPortOf } from "./names.ts";
import { type Counts, counterOf } from "./nft.ts";
import { type Observed, observe } from "./observe.ts";
import { dnsFiles, generationOf, routerFilter, routerMark } from "./router.ts";
import { filesOf, routerChains } from "./router-host.ts";

export interface Sight {
  readonly tag: string;
  readonly directory: string;
  readonly filter: Filter;
  readonly trackedIn: TrackedIn;
}

export async function factsOf(
  kernel: Commands,
  { networks }: Picture,
  sight: Sight,
): Promise<Facts> {
  if (networks.length === 0) return { rules: "in-force", ports: [], routers: [] };
  const seen = await observe(kernel);
  const hasRules = isInForce(sight.filter, seen.chains);
  const counts: Counts = seen.chains.size > 0 ? await readCounts(kernel) : new Map();
  const zones = zonesOf(networks.map(({ vni }) => vni));
  const routers = networks.map((network) =>
    routerFacts(kernel, network, zones.get(network.vni) ?? 0, seen, sight),
  );
  return {
    rules: !hasRules
      ? "missing"
      : sight.trackedIn === "inet" && seen.bridgeFiltering !== true
        ? "bypassed"
        : "in-force",
    ports: networks.flatMap((network) => portFacts(network, seen, counts)),
    routers: (await Promise.all(routers)).flat(),
  };
}

function portFacts(
  { id, vni, ports }: Network,
  seen: Observed,
  counts: Counts,
): readonly PortFacts[] {
  return ports.map((port) => {
    const link = seen.links.get(tapOf(port.nic));
    const isThere = link?.master === bridgeOf(vni);
    const dropped = (what: "spoofed" | "ingress" | "egress") =>
      counts.get(counterOf(what, port)) ?? 0;
    return {
      network: id,
      nic: port.nic,
      is: !isThere ? "absent" : link.hasCarrier ? "plugged" : "unplugged",
      dropped: {
        spoofed: dropped("spoofed"),
        ingress: dropped("ingress"),
        egress: dropped("egress"),
      },
    };
  });
}

async function routerFacts(
  kernel: Commands,
  network: Network,
  zone: number,
  seen: Observed,
  { tag, directory }: Sight,
): Promise<readonly RouterFacts[]> {
  const { id, vni, router } = network;
  if (!router) return [];
  const namespace = routerNamespaceOf(tag, vni);
  const cable = seen.links.get(routerPortOf(vni));
  if (!seen.namespaces.has(namespace) || !cable) return [{ network: id, is: "absent" }];
  const generation = generationOf(cable.alias);
  const files = filesOf(directory, vni);
  const hasFilter = async () =>
    (await routerChains(kernel, namespace)).has(routerFilter(network, router).mark);
  const reason =
    cable.alias !== routerMark(network, zone)
      ? "it is not the one that it should be"
      : cable.master !== bridgeOf(vni) || !cable.hasCarrier
        ? "its inside is not plugged in"
        : router.hasUplink && !seen.links.get(uplinkPortOf(vni))?.hasCarrier
          ? "its outside is not plugged in"
          : !isDnsRight(files, dnsFiles(network, router, files))
            ? "its dnsmasq does not run"
            : !(await hasFilter())
              ? "its filter is missing"
              : undefined;
  return [
    {
      network: id,
      ...(generation === undefined ? {} : { generation }),
      ...(reason ? { is: "impaired", reason } : { is: "up" }),
    },
  ];
}
