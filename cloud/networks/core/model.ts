/**
 * Everything that the pictures of hosts are made of, as it is in the database at one moment.
 *
 * Addresses are text here; arithmetic is in cidr.ts.
 */
import type { HostId, NetworkId, NicId, SecurityGroupId } from "@holdfast/kernel/ids";

export const protocols = ["tcp", "udp", "icmp", "any"] as const;
export type Protocol = (typeof protocols)[number];

export interface Network {
  readonly id: NetworkId;
  /** Unique among all networks; what VXLAN carries between hosts. */
  readonly vni: number;
  /** On this VLAN of the hosts' uplinks, instead of VXLAN. */
  readonly vlan: number | null;
  readonly cidr: string;
  readonly domain: string;
}

export interface Nic {
  readonly id: NicId;
  readonly network: NetworkId;
  readonly instance: string;
  /** The instance's name: its name in the network's domain. */
  readonly name: string;
  readonly address: string;
  readonly mac: string;
  /** How many hops answers of the metadata address reach, where its instance wants that limited. */
  readonly metadataHops?: number | null;
  /** Where its instance may be running. */
  readonly host: HostId | undefined;
  /** Where its instance is moving to, if it is: its port must be there before its guest is. */
  readonly arrivesAt?: HostId | undefined;
  readonly groups: readonly SecurityGroupId[];
}

export interface SecurityRule {
  readonly group: SecurityGroupId;
  readonly direction: "ingress" | "egress";
  readonly protocol: Protocol;
  /** Both included; every port if absent. */
  readonly ports: { readonly from: number; readonly to: number } | undefined;
  /** A network, or the members of a group. */
  readonly peer: { readonly cidr: string } | { readonly group: SecurityGroupId };
}

export interface Router {
  readonly network: NetworkId;
  readonly host: HostId;
  readonly generation: number;
  /** What its guests come from outside as; absent where there are no public addresses. */
  readonly address: string | undefined;
}

export interface Forward {
  readonly network: NetworkId;
  readonly protocol: "tcp" | "udp";
  readonly publicPort: number;
  readonly address: string;
  readonly port: number;
}

/** A public address that belongs to one guest. */
export interface OneToOne {
  readonly network: NetworkId;
  readonly publicAddress: string;
  readonly address: string;
}

export interface Facts {
  readonly networks: readonly Network[];
  readonly nics: readonly Nic[];
  readonly rules: readonly SecurityRule[];
  readonly routers: readonly Router[];
  readonly forwards: readonly Forward[];
  readonly oneToOne: readonly OneToOne[];
  /** Where other hosts reach each host. One without cannot be part of a network that spans hosts. */
  readonly underlays: ReadonlyMap<HostId, string>;
}
