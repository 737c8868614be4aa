/**
 * Making one router in its namespace, whose cables are plugged in already.
 *
 * The mark on the host's end comes last: a router that was half made when something failed has none
 * and is made anew.
 */
import { join } from "node:path";
import type { Commands } from "./commands.ts";
import { ensureDns } from "./dnsmasq.ts";
import type { Network } from "./driver.ts";
import type { Place } from "./host-links.ts";
import { inside, routerNamespaceOf, routerPortOf, uplinkPortOf } from "./names.ts";
import { chainsIn } from "./observe.ts";
import { dnsFiles, routerFilter, routerMark, routerWiring } from "./router.ts";

/** A new namespace: no IPv6 in it, and a word to the neighbours when its device comes up. */
export const bareSysctls = (device: string): Readonly<Record<string, string>> => ({
  "net/ipv6/conf/all/disable_ipv6": "1",
  [`net/ipv4/conf/${device}/arp_notify`]: "1",
});

export const routerChains = async (kernel: Commands, namespace: string) =>
  chainsIn(await kernel.run(namespace, ["nft", "list", "chains"]));

export const filesOf = (directory: string, vni: number) => join(directory, String(vni));

export async function ensureRouter(
  kernel: Commands,
  network: Network,
  {
    isBare,
    zone,
    place,
    directory,
  }: {
    /** It was made a moment ago. */
    readonly isBare: boolean;
    readonly zone: number;
    readonly place: Place;
    readonly directory: string;
  },
): Promise<void> {
  const { router, vni } = network;
  if (!router) return;
  const namespace = routerNamespaceOf(place.tag, vni);
  const filter = routerFilter(network, router);
  if (isBare) {
    // Its filter first: it forwards nothing before it is told what.
    await kernel.nft(namespace, filter.text);
    await kernel.setSysctl(namespace, { ...bareSysctls(inside.lan), "net/ipv4/ip_forward": "1" });
    await kernel.batch(namespace, "ip", routerWiring(network, router, zone));
    if (router.hasUplink) await kernel.setSysctl(undefined, forwarding(vni, place));
  } else if (!(await routerChains(kernel, namespace)).has(filter.mark))
    await kernel.nft(namespace, filter.text);
  await tellDns(kernel, network, { place, directory });
  if (!isBare) return;
  const mark = routerMark(network, zone);
  await kernel.batch(undefined, "ip", [`link set dev ${routerPortOf(vni)} alias ${mark}`]);
}

/** Whom its router serves. */
export async function tellDns(
  kernel: Commands,
  network: Network,
  { place, directory }: { readonly place: Place; readonly directory: string },
): Promise<void> {
  const { router, vni } = network;
  if (!router) return;
  const files = filesOf(directory, vni);
  const namespace = routerNamespaceOf(place.tag, vni);
  await ensureDns(kernel, namespace, files, dnsFiles(network, router, files));
}

/**
 * The host forwards for this router, and does not become one for whoever thinks so: only between its
 * devices. And it answers at once for public addresses, where Linux would wait most of a second.
 */
function forwarding(vni: number, { uplinkDevice }: Place): Readonly<Record<string, string>> {
  const forward = (device: string) => `net/ipv4/conf/${device}/forwarding`;
  if (!uplinkDevice) return { [forward(uplinkPortOf(vni))]: "1" };
  return {
    [forward(uplinkPortOf(vni))]: "1",
    [forward(uplinkDevice)]: "1",
    [`net/ipv4/neigh/${uplinkDevice}/proxy_delay`]: "0",
  };
}
