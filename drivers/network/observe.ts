/**
 * What a host's namespace looks like now: one shell, a few listings, parsed.
 *
 * Read afresh each time and never remembered: other programs and people change the same kernel.
 */
import { readdir } from "node:fs/promises";
import type { Commands } from "./commands.ts";
import { ourProtocol, table } from "./names.ts";

export interface LinkSeen {
  /** `bridge`, `vxlan`, `vlan`, `veth`, `tun`, or undefined for real devices. */
  readonly kind: string | undefined;
  readonly index: number;
  readonly mac: string;
  readonly mtu: number;
  readonly isUp: boolean;
  /** Somebody is at the other end. */
  readonly hasCarrier: boolean;
  readonly master: string | undefined;
  readonly alias: string | undefined;
  /** Without lengths. */
  readonly addresses: readonly string[];
  readonly vxlan?: { readonly id: number; readonly local: string | undefined };
  readonly vlan?: number;
}

export interface Observed {
  readonly links: ReadonlyMap<string, LinkSeen>;
  /** Ours only, by their protocol number. */
  readonly routes: readonly { readonly dst: string; readonly via: string; readonly dev: string }[];
  readonly proxies: readonly { readonly dst: string; readonly dev: string }[];
  readonly fdb: readonly FdbSeen[];
  readonly namespaces: ReadonlySet<string>;
  /** Names of the chains in our tables. */
  readonly chains: ReadonlySet<string>;
  /** Of bridge-nf-call-iptables: undefined where the kernel has no such thing. */
  readonly bridgeFiltering: boolean | undefined;
}

interface FdbSeen {
  readonly mac: string;
  readonly dev: string;
  readonly dst: string | undefined;
  readonly isStatic: boolean;
}

export const bridgeFilteringFile = "net/bridge/bridge-nf-call-iptables";

/** A line between the listings that none of them has. */
const border = "=== holdfast ===";
const script = [
  "ip -j -d addr show",
  `ip -j route show protocol ${ourProtocol}`,
  `ip -j neigh show proxy protocol ${ourProtocol}`,
  "bridge -j fdb show",
  "nft list chains",
  `cat /proc/sys/${bridgeFilteringFile} 2>/dev/null || true`,
].join(`; echo; echo '${border}'; `);

export async function observe(commands: Commands): Promise<Observed> {
  const [output, namespaces] = await Promise.all([
    commands.run(undefined, ["/bin/sh", "-ec", script]),
    namespacesThere(),
  ]);
  const [links = "", routes = "", proxies = "", fdb = "", chains = "", filtering = ""] =
    output.split(border);
  return {
    links: new Map(parse<RawLink>(links).map((raw) => [raw.ifname, linkSeen(raw)])),
    routes: parse<RawRoute>(routes).map(({ dst, gateway = "", dev }) => ({
      dst,
      via: gateway,
      dev,
    })),
    proxies: parse<{ dst: string; dev: string }>(proxies).map(({ dst, dev }) => ({ dst, dev })),
    fdb: parse<RawFdb>(fdb).map(({ mac, ifname, dst, state }) => ({
      mac,
      dev: ifname,
      dst,
      isStatic: state === "static",
    })),
    namespaces,
    chains: chainsIn(chains),
    bridgeFiltering: filtering.trim() === "" ? undefined : filtering.trim() === "1",
  };
}

export async function namespacesThere(): Promise<ReadonlySet<string>> {
  return new Set(await readdir("/run/netns").catch(() => []));
}

/** Of the listing of `nft list chains`: the chains of our tables, whatever their family. */
export function chainsIn(listing: string): ReadonlySet<string> {
  const chains = new Set<string>();
  let isOurs = false;
  for (const line of listing.split("\n")) {
    const found = /^table \w+ (\S+) \{/.exec(line)?.[1];
    if (found) isOurs = found === table || found === `${table}_rules`;
    const name = /^\s+chain (\S+) \{/.exec(line)?.[1];
    if (name && isOurs) chains.add(name);
  }
  return chains;
}

// What ip and bridge print, as far as it is used here. They are trusted: they are the kernel's voice.
interface RawLink {
  readonly ifname: string;
  readonly ifindex: number;
  readonly address: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly master?: string;
  readonly ifalias?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: { readonly id?: number; readonly local?: string };
  };
  readonly addr_info: readonly { readonly family: string; readonly local: string }[];
}
interface RawRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev: string;
}
interface RawFdb {
  readonly mac: string;
  readonly ifname: string;
  readonly dst?: string;
  readonly state?: string;
}

function linkSeen(raw: RawLink): LinkSeen {
  const { flags, mtu, master, ifalias, linkinfo, addr_info } = raw;
  const { info_kind: kind, info_data: data } = linkinfo ?? {};
  return {
    kind,
    index: raw.ifindex,
    mac: raw.address,
    mtu,
    isUp: flags.includes("UP"),
    hasCarrier: flags.includes("LOWER_UP"),
    master,
    alias: ifalias,
    addresses: addr_info.filter(({ family }) => family === "inet").map(({ local }) => local),
    ...(kind === "vxlan" && data?.id !== undefined
      ? { vxlan: { id: data.id, local: data.local } }
      : {}),
    ...(kind === "vlan" && data?.id !== undefined ? { vlan: data.id } : {}),
  };
}

/** Some listings print nothing where there is nothing, and some an empty object in the list. */
function parse<T extends object>(text: string): readonly T[] {
  const all: readonly T[] = text.trim() ? JSON.parse(text) : [];
  return all.filter((entry) => Object.keys(entry).length > 0);
}
