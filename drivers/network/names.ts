/**
 * What our kernel objects are called, so that anybody can tell them from everybody else's.
 *
 * An interface's name has 15 characters at most and is unique in its namespace; a namespace's name is
 * unique on the machine, which may be several hosts' (`up --hosts 3`): only those carry a tag of the
 * host. A tap is named after the end of its card's id: the beginning is a time, and cards are made in bursts.
 */
import type { NicId } from "@holdfast/kernel/ids";

export const bridgeOf = (vni: number) => `hfb${vni}`;
/** What leads to the other hosts: a VXLAN or a VLAN device. */
export const trunkOf = (vni: number) => `hfx${vni}`;
/** The host's ends of the cables to the router's inside and outside, and to the metadata service. */
export const routerPortOf = (vni: number) => `hfr${vni}`;
export const uplinkPortOf = (vni: number) => `hfu${vni}`;
export const metadataPortOf = (vni: number) => `hfm${vni}`;

/** The tap that a hypervisor is given for a card. */
export const tapOf = (nic: NicId) => `hft${shortOf(nic)}`;
/** 48 bits of chance at the end of a UUID. */
export const shortOf = (nic: NicId) => nic.replaceAll("-", "").slice(-12);

export const routerNamespaceOf = (tag: string, vni: number) => `hf-${tag}-r${vni}`;
export const metadataNamespaceOf = (tag: string, vni: number) => `hf-${tag}-m${vni}`;

export const isOurLink = (name: string) => /^hf(?:[bxrum]\d+|t[0-9a-f]{12})$/.test(name);
export const isOurNamespace = (tag: string, name: string) =>
  name.startsWith(`hf-${tag}-`) && /^[rm]\d+$/.test(name.slice(`hf-${tag}-`.length));

/** Of the filters, in the namespace of the host and in those of the routers. */
export const table = "holdfast";

/** The guests' ends of the cables, inside the namespaces. */
export const inside = { lan: "lan0", uplink: "up0", metadata: "md0" } as const;

/** The same on every host, and never seen on the trunk: a guest that moves finds it at once. */
export const metadataMac = "02:68:66:a9:fe:a9";

/** The number by which routes and neighbours of ours are known (`/etc/iproute2/rt_protos` has no name for it). */
export const ourProtocol = 104;
