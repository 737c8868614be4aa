/**
 * What Holdfast asks of a host's kernel about networks: make it as this picture says, and say what is.
 *
 * A picture is whole: whatever of ours is not in it is removed. So nothing has to be remembered or
 * undone, an agent that missed ten pictures needs only the eleventh, and the same picture again
 * changes nothing. Every implementation passes the same suite, contract.ts.
 */
import type { NetworkId, NicId } from "@holdfast/kernel/ids";

/** Everything that one host should do about networks. Addresses are IPv4, as `10.1.0.11`. */
export interface Picture {
  /** Only those that have something to do here: a port, or the router. */
  readonly networks: readonly Network[];
}

export interface Network {
  readonly id: NetworkId;
  /** 1 to 16777215, unique among all networks of the installation: names of kernel objects are made of it. */
  readonly vni: number;
  /** `vlan` goes out of the uplink device with the tag in `vlan`. */
  readonly kind: "vxlan" | "vlan";
  /** 1 to 4094. Only for `vlan`. */
  readonly vlan?: number;
  /** What a guest may send at once, in bytes: the underlay's less 50 under VXLAN. */
  readonly mtu: number;
  /** As `10.1.0.0/24`. May overlap with any other network's. */
  readonly cidr: string;
  /** The router's address in it, whichever host the router is on. */
  readonly gateway: string;
  /** Names of guests end in it, as `blue.holdfast.internal`. */
  readonly domain: string;
  /** Underlay addresses of the other hosts that have a port or the router. Only for `vxlan`. */
  readonly peers: readonly string[];
  /** Those of guests on this host. */
  readonly ports: readonly Port[];
  /** On one host of the network at a time. */
  readonly router?: Router;
}

/** Where a guest's network card is plugged in. */
export interface Port {
  readonly nic: NicId;
  readonly mac: string;
  readonly address: string;
  /** False: the cable is pulled. */
  readonly isUp: boolean;
  /** How many hops answers of the metadata address reach, 1 to 64: 1 is the guest alone. Absent: all. */
  readonly metadataHops?: number;
  /** Who may begin to talk to the guest. What no rule allows is dropped. */
  readonly ingress: readonly Rule[];
  /** To whom the guest may begin to talk. */
  readonly egress: readonly Rule[];
}

/**
 * Allows connections, and so the answers. Rules are asked about every packet: whoever takes a rule away
 * ends the connections that it allowed, in both directions. Always allowed: the network's DHCP, DNS
 * and metadata.
 */
export interface Rule {
  readonly protocol: "tcp" | "udp" | "icmp" | "any";
  /** Both included. Only for `tcp` and `udp`; absent is all. */
  readonly ports?: { readonly from: number; readonly to: number };
  /** As IANA numbers them: 8 is a ping. Only for `icmp`; absent is all. */
  readonly icmpType?: number;
  /** The other side, as networks: `0.0.0.0/0`, `10.1.0.12/32`. */
  readonly peers: readonly string[];
}

export interface Router {
  /** Another number is another router: the old one is removed with all that it knows. */
  readonly generation: number;
  /** Of its side of the network. Stays when it moves, so that guests notice nothing. */
  readonly mac: string;
  /** Everybody in the network, on whichever host: what DHCP gives and DNS knows. `name` is one label. */
  readonly hosts: readonly {
    readonly mac: string;
    readonly address: string;
    readonly name: string;
  }[];
  /** Name servers that know the rest of the world. */
  readonly forwarders: readonly string[];
  /** Whether it reaches anything but the network. Without it the rest is ignored. */
  readonly hasUplink: boolean;
  /** The public address that guests show outside. Absent: the host's own. */
  readonly sourceNat?: string;
  readonly forwards: readonly Forward[];
  /** Public addresses that belong to one guest each, in both directions. */
  readonly statics: readonly { readonly publicAddress: string; readonly address: string }[];
}

/** One port of a public address, handed to one guest. */
export interface Forward {
  readonly protocol: "tcp" | "udp";
  readonly publicAddress: string;
  readonly publicPort: number;
  readonly address: string;
  readonly port: number;
}

/** What the kernel can do, found out by doing it. `reason` is for people: why not, or how. */
export interface Ability {
  readonly isThere: boolean;
  readonly reason: string;
}

export interface Abilities {
  readonly vxlan: Ability;
  readonly vlan: Ability;
  /** Rules on bridged packets in the filters for routed ones (br_netfilter). */
  readonly routedFilter: Ability;
  /** Connection tracking in the filters of bridges themselves. */
  readonly bridgeFilter: Ability;
}

export interface Applied {
  /** How many orders the kernel was given. 0: all was so already. */
  readonly changes: number;
}

/** What is, of the picture that was applied last. Empty before the first. */
export interface Facts {
  /**
   * `bypassed`: bridged packets do not come past the rules, because bridge-nf-call-iptables is not 1.
   * `missing`: somebody removed them. Either way the next `apply` mends it.
   */
  readonly rules: "in-force" | "bypassed" | "missing";
  readonly ports: readonly PortFacts[];
  readonly routers: readonly RouterFacts[];
}

export interface PortFacts {
  readonly network: NetworkId;
  readonly nic: NicId;
  /** `plugged`: a hypervisor holds the other end. */
  readonly is: "absent" | "unplugged" | "plugged";
  /** Packets since the port came, apart from a few around each change of the rules. */
  readonly dropped: {
    /** Sent with an address that is not the port's, or what only a router may send. */
    readonly spoofed: number;
    readonly ingress: number;
    readonly egress: number;
  };
}

export interface RouterFacts {
  readonly network: NetworkId;
  /** The one that is there; undefined if none is. */
  readonly generation?: number;
  /** `impaired`: it is there, but `reason`. */
  readonly is: "up" | "impaired" | "absent";
  readonly reason?: string;
}

/** A guest's question to 169.254.169.254. Who asks is certain: the port lets no false address out. */
export interface MetadataAsk {
  readonly network: NetworkId;
  readonly nic: NicId;
  readonly method: string;
  /** As sent, with its query: `/latest/meta-data/`. */
  readonly path: string;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface MetadataAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type AnswerMetadata = (ask: MetadataAsk) => Promise<MetadataAnswer>;

export interface HostNetworks {
  /** Found out once and remembered. */
  abilities(): Promise<Abilities>;
  /**
   * Make it so. Calls during a call wait; of those that wait only the newest is carried out, and the
   * older ones resolve with it. Rejects with `network_not_applied`, having done what it could, or
   * `network_unsupported` where the kernel cannot; nothing is undone, the next call goes on. Ports are
   * safe from the first moment: a tap that no filter speaks for yet lets nothing through. `onPlugged` is called when all ports
   * of the picture are there, which may be before those that are not in it are gone.
   */
  apply(picture: Picture, onPlugged?: () => void): Promise<Applied>;
  look(): Promise<Facts>;
  /** Who answers guests; 503 before. One at a time. It should not reject; if it does, that is a 500. */
  onMetadata(answer: AnswerMetadata): void;
  /** Remove everything of ours, as before the host leaves the installation. */
  removeAll(): Promise<void>;
  /** Let go, touching nothing but the metadata listeners, which end with this process anyway. */
  close(): Promise<void>;
}

/** Where guests find the metadata service. */
export const metadataAddress = "169.254.169.254";
