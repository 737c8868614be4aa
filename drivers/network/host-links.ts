/**
 * The devices that a network is made of in the host's own namespace, and how to tell each from another
 * of its name.
 */
import type { Network, Port } from "./driver.ts";
import {
  bridgeOf,
  inside,
  metadataNamespaceOf,
  metadataPortOf,
  routerNamespaceOf,
  routerPortOf,
  tapOf,
  trunkOf,
  uplinkPortOf,
} from "./names.ts";
import type { LinkSeen } from "./observe.ts";

/** Where the host is. */
export interface Place {
  readonly tag: string;
  /** Where other hosts reach this one. */
  readonly underlayAddress: string;
  /** The device that leads to the outside; undefined if none does. */
  readonly uplinkDevice: string | undefined;
}

export interface Wanted {
  readonly name: string;
  readonly add: string;
  /** Whether what has the name is what is meant. */
  readonly isIt: (seen: LinkSeen) => boolean;
  readonly mtu: number;
  readonly master?: string;
  readonly isUp: boolean;
}

export function linksOf(network: Network, place: Place): readonly Wanted[] {
  const { vni, mtu } = network;
  const master = bridgeOf(vni);
  const cable = (name: string, namespace: string, end: string) => ({
    name,
    add: `link add dev ${name} type veth peer name ${end} netns ${namespace}`,
    isIt: ({ kind }: LinkSeen) => kind === "veth",
    isUp: true,
  });
  return [
    {
      name: master,
      // No waiting before it forwards; everything that is sent to many goes to all.
      add: `link add dev ${master} type bridge forward_delay 0 mcast_snooping 0`,
      isIt: ({ kind }) => kind === "bridge",
      mtu,
      isUp: true,
    },
    ...trunk(network, place),
    ...network.ports.map((port) => tapFor(port, network)),
    ...(network.router
      ? [
          {
            ...cable(routerPortOf(vni), routerNamespaceOf(place.tag, vni), inside.lan),
            mtu,
            master,
          },
          ...(network.router.hasUplink
            ? [
                {
                  ...cable(uplinkPortOf(vni), routerNamespaceOf(place.tag, vni), inside.uplink),
                  mtu: 1500,
                },
              ]
            : []),
        ]
      : []),
    ...(network.ports.length > 0
      ? [
          {
            ...cable(metadataPortOf(vni), metadataNamespaceOf(place.tag, vni), inside.metadata),
            mtu,
            master,
          },
        ]
      : []),
  ];
}

/** What makes one that is not there. */
export const linesFor = (link: Wanted): readonly string[] => [
  // On its own, before it is up: the kernel would have made itself an IPv6 address by then.
  ...[link.add, `link set dev ${link.name} addrgenmode none`],
  `link set dev ${link.name} ${settings(link).join(" ")}`,
];

/** What of it is not as it should be; all of one that is new. */
export const settings = (link: Wanted, found?: LinkSeen): readonly string[] => [
  ...(found?.mtu === link.mtu ? [] : [`mtu ${link.mtu}`]),
  ...(found?.master === link.master || !link.master ? [] : [`master ${link.master}`]),
  ...((found?.isUp ?? false) === link.isUp ? [] : [link.isUp ? "up" : "down"]),
];

function trunk(network: Network, { underlayAddress, uplinkDevice }: Place): readonly Wanted[] {
  const { vni, mtu, kind, vlan = 0 } = network;
  const common = { name: trunkOf(vni), mtu, master: bridgeOf(vni), isUp: true };
  if (kind === "vlan")
    return [
      {
        ...common,
        add: `link add link ${uplinkDevice} name ${trunkOf(vni)} type vlan id ${vlan}`,
        isIt: (seen) => seen.kind === "vlan" && seen.vlan === vlan,
      },
    ];
  // Without `dev`, so that its MTU is not bound to one device's: the routing table finds the way.
  const add = `link add dev ${trunkOf(vni)} type vxlan id ${vni} dstport 4789 local ${underlayAddress}`;
  const isIt = ({ kind: is, vxlan }: LinkSeen) =>
    is === "vxlan" && vxlan?.id === vni && vxlan.local === underlayAddress;
  return [{ ...common, add, isIt }];
}

export function tapFor({ nic, isUp }: Port, { vni, mtu }: Pick<Network, "vni" | "mtu">): Wanted {
  const name = tapOf(nic);
  return {
    name,
    // With the header that lets a guest leave checksums and segments to the host.
    add: `tuntap add dev ${name} mode tap vnet_hdr`,
    // Tests put the end of a cable in the place of a tap.
    isIt: ({ kind }) => kind === "tun" || kind === "veth",
    mtu,
    master: bridgeOf(vni),
    isUp,
  };
}
