/**
 * Which hosts know all of a network but perhaps its hosts, where all that has happened to it has happened to some instances.
 *
 * It is for a rack that dies: each of its guests is in a network of a hundred hosts, and of ninety-eight of them the picture is
 * what they were told. What an instance does changes the picture of the host where it is, which is always drawn; of one that it has left,
 * which has fewer connections than it was told, or another that came, which happened to an instance as well; of the one with the
 * router, which picturesOf always draws; and of everybody whose rules name a group.
 */
import type { HostId, NetworkId } from "@holdfast/kernel/ids";
import type { Facts } from "./model.ts";
import type { IsKnown } from "./picture.ts";

/** Instances to which something has happened, and the networks to which nothing else has. */
export interface Since {
  readonly networks: ReadonlySet<NetworkId>;
  readonly instances: ReadonlySet<string>;
}

/** What a host was told of each network: how many connections it has there. Undefined: nothing yet. */
export type Told = (host: HostId) => ReadonlyMap<NetworkId, { readonly ports: number }> | undefined;

/** `since` undefined: anything may have happened, so nobody knows anything. */
export function knownBy(told: Told, facts: Facts, since: Since | undefined): IsKnown {
  if (!since || facts.rules.some(({ peer }) => "group" in peer)) return () => false;
  const { networks, instances } = since;
  return (host, network, here) =>
    networks.has(network) &&
    told(host)?.get(network)?.ports === here.length &&
    !here.some(({ instance }) => instances.has(instance));
}
