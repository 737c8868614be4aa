/**
 * From what is and what should be, to the orders for the host's own namespace. Pure.
 *
 * The order matters in one place: what is wrong goes before what is right comes, because both have one
 * name. A tap that is right is never touched: a guest holds its other end, and a new tap of the
 * same name would be a cable to nowhere.
 */
import { uplinkAddresses, zonesOf } from "./addresses.ts";
import type { Network, Picture } from "./driver.ts";
import { linesFor, linksOf, type Place, settings, type Wanted } from "./host-links.ts";
import { metadataMark } from "./metadata-wiring.ts";
import {
  isOurLink,
  isOurNamespace,
  metadataMac,
  metadataNamespaceOf,
  metadataPortOf,
  ourProtocol,
  routerNamespaceOf,
  routerPortOf,
  trunkOf,
  uplinkPortOf,
} from "./names.ts";
import type { Observed } from "./observe.ts";
import { publicAddressesOf, routerMark } from "./router.ts";

export interface HostPlan {
  /** By their names, first. */
  readonly removeLinks: readonly string[];
  readonly removeNamespaces: readonly string[];
  readonly addNamespaces: readonly string[];
  /** For `ip` and `bridge`, then. */
  readonly ip: readonly string[];
  readonly bridge: readonly string[];
  /** Whose namespace is bare and wants wiring. */
  readonly routers: readonly Network[];
  readonly metadata: readonly Network[];
  /** Addresses that the neighbourhood should learn are here now. */
  readonly announce: readonly string[];
}

export function hostPlan(picture: Picture, seen: Observed, place: Place): HostPlan {
  const { tag } = place;
  const zones = zonesOf(picture.networks.map(({ vni }) => vni));
  const routers = picture.networks.filter(
    (network) =>
      network.router &&
      !(
        seen.namespaces.has(routerNamespaceOf(tag, network.vni)) &&
        aliasOf(routerPortOf(network.vni)) === routerMark(network, zones.get(network.vni) ?? 0) &&
        seen.links.has(uplinkPortOf(network.vni)) === network.router.hasUplink
      ),
  );
  const metadata = picture.networks.filter(
    (network) =>
      network.ports.length > 0 &&
      !(
        seen.namespaces.has(metadataNamespaceOf(tag, network.vni)) &&
        aliasOf(metadataPortOf(network.vni)) === metadataMark(network)
      ),
  );

  const wantedNamespaces = new Set([
    ...picture.networks.flatMap(({ vni, router }) => (router ? [routerNamespaceOf(tag, vni)] : [])),
    ...picture.networks.flatMap(({ vni, ports }) =>
      ports.length > 0 ? [metadataNamespaceOf(tag, vni)] : [],
    ),
  ]);
  const rebuilt = new Set([
    ...routers.map(({ vni }) => routerNamespaceOf(tag, vni)),
    ...metadata.map(({ vni }) => metadataNamespaceOf(tag, vni)),
  ]);
  const doomedLinks = new Set([
    ...routers.flatMap(({ vni }) => [routerPortOf(vni), uplinkPortOf(vni)]),
    ...metadata.map(({ vni }) => metadataPortOf(vni)),
  ]);

  const wanted = picture.networks.flatMap((network) => linksOf(network, place));
  const byName = new Map(wanted.map((link) => [link.name, link]));
  const removed = new Set<string>();
  for (const [name, link] of seen.links) {
    if (!isOurLink(name)) continue;
    const meant = byName.get(name);
    if (!meant || doomedLinks.has(name) || !meant.isIt(link)) removed.add(name);
  }
  const { lines, announce } = publicAddresses();
  return {
    removeLinks: [...removed],
    removeNamespaces: [...seen.namespaces].filter(
      (name) => isOurNamespace(tag, name) && (!wantedNamespaces.has(name) || rebuilt.has(name)),
    ),
    addNamespaces: [...rebuilt],
    ip: [...wanted.flatMap(linkLines), ...lines],
    bridge: picture.networks.flatMap(forwarding),
    routers,
    metadata,
    announce,
  };

  /** Of the host's end of a cable: put there when the namespace at the other end was done. */
  function aliasOf(name: string): string | undefined {
    return seen.links.get(name)?.alias?.split(" ")[0];
  }

  function linkLines(link: Wanted): readonly string[] {
    const found = removed.has(link.name) ? undefined : seen.links.get(link.name);
    if (!found) return linesFor(link);
    const changes = settings(link, found);
    return changes.length > 0 ? [`link set dev ${link.name} ${changes.join(" ")}`] : [];
  }

  /** Where frames go that are for nobody known yet, and the metadata service's fixed place. */
  function forwarding({ vni, kind, peers, ports }: Network): readonly string[] {
    const trunk = trunkOf(vni);
    const isNew = (name: string) => removed.has(name) || !seen.links.has(name);
    const flood = seen.fdb.filter((entry) => entry.dev === trunk && entry.mac === everybody);
    const there = new Set(isNew(trunk) ? [] : flood.map(({ dst }) => dst));
    const meant = new Set(kind === "vxlan" ? peers : []);
    const port = metadataPortOf(vni);
    const hasPlace =
      !isNew(port) &&
      seen.fdb.some((entry) => entry.dev === port && entry.mac === metadataMac && entry.isStatic);
    return [
      ...[...meant]
        .filter((peer) => !there.has(peer))
        .map((peer) => `fdb append ${everybody} dev ${trunk} dst ${peer}`),
      ...[...there].flatMap((peer) =>
        peer && !meant.has(peer) ? [`fdb del ${everybody} dev ${trunk} dst ${peer}`] : [],
      ),
      ...(ports.length > 0 && !hasPlace
        ? [`fdb replace ${metadataMac} dev ${port} master static`]
        : []),
    ];
  }

  /** A route to the router for each, and an answer to whoever asks on the uplink who has it. */
  function publicAddresses(): { lines: readonly string[]; announce: readonly string[] } {
    const routes = new Map<string, string>();
    const addresses: string[] = [];
    const fresh: string[] = [];
    for (const { vni, router } of picture.networks) {
      if (!router?.hasUplink) continue;
      const port = uplinkPortOf(vni);
      const ends = uplinkAddresses(zones.get(vni) ?? 0);
      const link = removed.has(port) ? undefined : seen.links.get(port);
      if (!link?.addresses.includes(ends.host)) fresh.push(`addr add ${ends.host}/31 dev ${port}`);
      for (const address of publicAddressesOf(router)) {
        routes.set(address, `${ends.router} dev ${port}`);
        addresses.push(address);
      }
    }
    const there = new Map(
      seen.routes
        .filter(({ dev }) => !removed.has(dev))
        .map(({ dst, via, dev }) => [dst, `${via} dev ${dev}`]),
    );
    const proxies = new Set(
      seen.proxies.filter(({ dev }) => dev === place.uplinkDevice).map(({ dst }) => dst),
    );
    const isMissing = (address: string) => place.uplinkDevice && !proxies.has(address);
    return {
      lines: [
        ...fresh,
        ...[...there.keys()]
          .filter((address) => !routes.has(address))
          .map((address) => `route del ${address}/32 protocol ${ourProtocol}`),
        ...[...routes]
          .filter(([address, way]) => there.get(address) !== way)
          .map(
            ([address, way]) => `route replace ${address}/32 via ${way} protocol ${ourProtocol}`,
          ),
        ...seen.proxies
          .filter(({ dst, dev }) => dev !== place.uplinkDevice || !routes.has(dst))
          .map(({ dst, dev }) => `neigh del proxy ${dst} dev ${dev}`),
        ...addresses
          .filter(isMissing)
          .map(
            (address) =>
              `neigh add proxy ${address} dev ${place.uplinkDevice} protocol ${ourProtocol}`,
          ),
      ],
      announce: addresses.filter(
        (address) => isMissing(address) || there.get(address) !== routes.get(address),
      ),
    };
  }
}

const everybody = "00:00:00:00:00:00";
